"""The records of this worker's partitions: the only place that touches Faust's table.

Faust's table is written through its parts (`send_changelog`, `data`) rather than by `table[key] = …`, because only so
one learns when the change has reached Kafka.
"""

import asyncio
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

import faust
import structlog
from aiokafka.partitioner import murmur2
from faust.types import TP

from schemas.errors import InvalidInput
from schemas.events import ConversationEvent
from streams.engine.app import DRAIN_CAP_SECONDS
from streams.stats import metrics
from streams.stats.deliveries import Deliveries
from streams.stats.record import ERASED, Record, apply
from streams.stats.totals import Sums, Totals

log = structlog.get_logger()


def partition_of(key: str, partitions: int) -> int:
    """Give the partition of a key, as every producer of the topics does."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


class LiveRecords:
    """Set as `app.engine`; see `streams.engine.consumer.Engine`."""

    def __init__(self, app: faust.App, table: Any, partitions: int, zone: tzinfo) -> None:  # noqa: ANN401
        self._app = app
        self._table = table
        self._changelog = table.changelog_topic.get_topic_name()
        self.partitions = partitions
        self.zone = zone
        self._deliveries = Deliveries(self._crash)
        self._totals = Totals()
        self._summed_for: int | None = None  # the rebalance after which the totals were summed anew

    async def drain(self) -> None:
        """Before partitions leave, their changes must be in the changelog: the next owner recovers from it."""
        if not await self._deliveries.drain(DRAIN_CAP_SECONDS):
            log.warning("changes were not delivered in time", events=self._deliveries.outstanding)

    async def assigned(self, partitions: set[TP]) -> None:
        self._deliveries.begin_generation()

    def sought(self, offsets: dict[TP, int]) -> None:
        """Where reading begins does not matter: events carry numbers."""

    def take(self, event: Any) -> None:  # noqa: ANN401 - a Faust event
        """Count one event; it is acknowledged when its change is in Kafka. Never raises: Faust would stop for seconds."""
        if not self._deliveries.open:
            return  # partitions are leaving; the next owner gets it
        message = event.message
        entry = self._deliveries.begin(message.partition, message.offset, event)
        record = self._changed(message)
        if record is not None and record["status"] == ERASED:
            self._deliveries.finish_after(message.partition, entry, self._forget(message.partition, record))
        elif record is None:
            self._deliveries.finish(message.partition, entry)
        else:
            self._deliveries.finish_after(message.partition, entry, self._write(message.partition, record))

    def _changed(self, message: Any) -> Record | None:  # noqa: ANN401
        """Give the record to write; None when there is nothing to write. What cannot be counted stays in the log."""
        try:
            event = ConversationEvent.from_json(message.value or b"")
            self._check_place(event.phone_number, message)
            before = self._table.data.get(event.phone_number)
            after = apply(before, event, self.zone)
        except InvalidInput as error:
            self._skip(message, error.field)
            return None
        except Exception:  # noqa: BLE001 - one event that nobody foresaw must not stop the statistics
            log.exception("event was not foreseen")
            self._skip(message, "event")
            return None
        metrics.COUNTED.inc()
        return None if after is before else after

    def _check_place(self, key: str, message: Any) -> None:  # noqa: ANN401
        """On another partition it would be counted by two workers."""
        if message.key != key.encode() or message.partition != partition_of(key, self.partitions):
            raise InvalidInput("phone_number", "stands under another key or on another partition")

    def _skip(self, message: Any, field: str) -> None:  # noqa: ANN401
        metrics.SKIPPED.inc()
        log.warning("event cannot be counted", field=field, partition=message.partition, offset=message.offset)

    def _write(self, partition: int, record: Record) -> asyncio.Future[Any]:
        key = record["phone_number"]
        record["partition"] = partition  # it was made just now; Faust's own note of a key's partition misses live writes
        if self._summed_for == self._app.rebalancing_count:
            self._totals.replace(self._table.data.get(key), record)
        self._table.data[key] = record
        delivery: asyncio.Future[Any] = self._table.send_changelog(partition, key, record)
        return delivery

    def _forget(self, partition: int, record: Record) -> asyncio.Future[Any]:
        """An erased number leaves the table and, by a tombstone, the changelog."""
        key = record["phone_number"]
        before = self._table.data.pop(key, None)
        if self._summed_for == self._app.rebalancing_count:
            self._totals.replace(before, None)
        delivery: asyncio.Future[Any] = self._table.send_changelog(partition, key, None)
        return delivery

    def _crash(self, error: BaseException) -> None:
        """A change that Kafka refuses for good: start again from the committed offsets."""
        log.error("change was not delivered", exc_info=error)
        self._crashing = asyncio.ensure_future(self._app.crash(error))

    # What the views read. All of it is complete for `active()` while `ready`.

    @property
    def ready(self) -> bool:
        return bool(self._app.tables.actives_ready and not self._app.rebalancing)

    def active(self) -> set[int]:
        """Give the partitions whose records are here."""
        return {tp.partition for tp in self._app.assignor.assigned_actives() if tp.topic == self._changelog}

    def owners(self) -> dict[str, set[int]]:
        """Give every worker's canonical URL with its partitions, as assigned."""
        distribution = self._app.assignor.changelog_distribution
        return {url: set(topics.get(self._changelog, ())) for url, topics in distribution.items()}

    def sums(self, day: str) -> Sums:
        if self._summed_for != self._app.rebalancing_count:
            self._sum_anew()
        return self._totals.of(day)

    def _sum_anew(self) -> None:
        """After a rebalance; synchronous, so that no event comes between. Records that moved away are forgotten."""
        active, totals = self.active(), Totals()
        for key, record in list(self._table.data.items()):
            if record["partition"] in active:
                totals.replace(None, record)
            else:
                self._table.data.pop(key)
        self._totals, self._summed_for = totals, self._app.rebalancing_count

    def count(self) -> int:
        return len(self._table.data)

    def find(self, key: str) -> Record | None:
        record: Record | None = self._table.data.get(key)
        return record

    def all(self) -> Iterator[Record]:
        """Give the records of the active partitions."""
        if self._summed_for != self._app.rebalancing_count:
            self._sum_anew()
        return iter(self._table.data.values())
