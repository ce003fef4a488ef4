"""The records of this worker's partitions: the only place that touches Faust's table.

Faust's table is read and recovered as it is, but written through its parts (`data`, and the changelog by `Changes`)
rather than by `table[key] = …`: only so one learns when a change has reached Kafka, and many share a write.
"""

import asyncio
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

import faust
import structlog
from aiokafka.partitioner import murmur2
from faust.types import TP

from schemas.errors import InvalidInput
from schemas.settings import Settings
from streams.engine.app import DRAIN_CAP_SECONDS
from streams.stats import metrics
from streams.stats.changes import Changes
from streams.stats.deliveries import Deliveries
from streams.stats.record import ERASED, Record, apply
from streams.stats.told import told
from streams.stats.totals import Totals

log = structlog.get_logger()

# What waits for Kafka at most: some 3 s of the fastest stream, and a bound on what a crash repeats.
_MOST_OUTSTANDING = 10_000


def partition_of(key: str, partitions: int) -> int:
    """Give the partition of a key, as every producer of the topics does."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


class LiveRecords:
    """Set as `app.engine`; see `streams.engine.consumer.Engine`. `gaps`: keys whose records missed an event."""

    def __init__(self, app: faust.App, table: Any, settings: Settings, partitions: int, zone: tzinfo) -> None:  # noqa: ANN401
        self._app = app
        self._table = table
        self._changelog: str = table.changelog_topic.get_topic_name()
        self.partitions = partitions
        self.zone = zone
        self.days_kept = settings.stats_days_kept
        self.changes = Changes(settings, self._changelog, self._crash)
        self._deliveries = Deliveries()
        self._room = asyncio.Event()
        self._totals = Totals()
        self._summed_for: int | None = None  # the rebalance after which the totals were summed anew
        self._active: tuple[int | None, set[int]] = (None, set())
        self.gaps: set[str] = set()
        self.compared_for: int | None = None  # the rebalance after which Postgres was looked through for what is not here

    async def drain(self) -> None:
        """Before partitions leave, their changes must be in the changelog: the next owner recovers from it."""
        self._deliveries.open = False
        self._room.set()
        flushing = asyncio.create_task(self.changes.flush(), name="last changes")
        if not await self._deliveries.drain(DRAIN_CAP_SECONDS):
            log.warning("changes were not delivered in time", events=self._deliveries.outstanding)
        elif flushing.done():
            flushing.result()

    async def assigned(self, partitions: set[TP]) -> None:
        self.changes.forget()
        self._deliveries.begin_generation()
        metrics.REBALANCES.inc()

    def sought(self, offsets: dict[TP, int]) -> None:
        """Where reading begins does not matter: events carry numbers."""

    async def take(self, event: Any) -> None:  # noqa: ANN401 - a Faust event
        """Count one event; it is acknowledged when its change is in Kafka. Never raises: Faust would stop for seconds."""
        while self._deliveries.open and self._deliveries.outstanding >= _MOST_OUTSTANDING:
            self._room.clear()
            await self._room.wait()
        if not self._deliveries.open:
            return  # partitions are leaving; the next owner gets it
        message = event.message
        entry = self._deliveries.begin(message.partition, message.offset, event)
        changed = self._changed(message)
        if changed is None:
            self._deliveries.finish(message.partition, entry)
            return
        finish = self._deliveries.finisher(message.partition, entry)

        def done() -> None:
            finish()
            self._room.set()

        self._write(message.partition, *changed, done)

    def _changed(self, message: Any) -> tuple[str, Record | None] | None:  # noqa: ANN401
        """Give key and record to write; None when there is nothing to write. What cannot be counted stays in the log."""
        try:
            if message.value is None and message.key:
                return self._erased(message)
            event = told(message.value)
            self._check_place(event.phone_number, message)
            before = self._table.data.get(event.phone_number)
            after = apply(before, event, self.zone, self.days_kept)
        except InvalidInput as error:
            self._skip(message, error.field)
            return None
        except Exception:  # noqa: BLE001 - one event that nobody foresaw must not stop the statistics
            log.exception("event was not foreseen")
            self._skip(message, "event")
            return None
        metrics.counted(event.type)
        if after is before:
            metrics.REPEATED.inc()
            return None
        return event.phone_number, None if after["status"] == ERASED else after

    def _erased(self, message: Any) -> tuple[str, None] | None:  # noqa: ANN401
        """A tombstone: the log forgets a number, and so does the table."""
        key = message.key.decode(errors="replace")
        self._check_place(key, message)
        return (key, None) if key in self._table.data else None

    def _check_place(self, key: str, message: Any) -> None:  # noqa: ANN401
        """On another partition it would be counted by two workers."""
        if message.key != key.encode() or message.partition != partition_of(key, self.partitions):
            raise InvalidInput("phone_number", "stands under another key or on another partition")

    def _skip(self, message: Any, field: str) -> None:  # noqa: ANN401
        metrics.SKIPPED.inc()
        log.warning("event cannot be counted", field=field, partition=message.partition, offset=message.offset)

    def _write(self, partition: int, key: str, record: Record | None, done: Any = None) -> None:  # noqa: ANN401
        before = self._table.data.get(key)
        if self._summed_for == self._app.rebalancing_count:
            self._totals.replace(before, record)
        if record is None:
            self._table.data.pop(key, None)
            self.gaps.discard(key)
        else:
            record["partition"] = partition  # made just now; Faust's own note of a key's partition misses live writes
            self._table.data[key] = record
            (self.gaps.add if record["gap"] else self.gaps.discard)(key)
        self.changes.put(partition, key, record, done)

    def _crash(self, error: BaseException) -> None:
        """A change that Kafka refuses for good: start again from the committed offsets."""
        log.error("change was not delivered", exc_info=error)
        self._crashing = asyncio.ensure_future(self._app.crash(error))

    # What is made again from Postgres. Written between events, and only where it is newer than what the events told.

    def replace(self, record: Record) -> bool:
        """Put a record in the place of one that is not newer; tells whether it differs from the former."""
        key = record["phone_number"]
        before = self.find(key)
        if not self.owns(key) or (before is not None and _rank(before) > _rank(record)):
            return False
        partition = partition_of(key, self.partitions)
        if before == {**record, "partition": partition}:
            return False
        self._write(partition, key, record)
        return True

    def remove(self, record: Record) -> None:
        """Forget a conversation, if its record is still this one."""
        if self.find(key := record["phone_number"]) is record and self.owns(key):
            self._write(record["partition"], key, None)

    def owns(self, key: str) -> bool:
        return self.ready and partition_of(key, self.partitions) in self.active()

    # What the views read. All of it is complete for `active()` while `complete`.

    @property
    def ready(self) -> bool:
        return bool(self._app.tables.actives_ready and not self._app.rebalancing)

    @property
    def complete(self) -> bool:
        """Ready, and no record lacks anything that Postgres knows."""
        return self.ready and not self.gaps and self.compared_for == self.rebalance

    @property
    def rebalance(self) -> int:
        return int(self._app.rebalancing_count)

    def today(self) -> str:
        return datetime.now(self.zone).date().isoformat()

    def active(self) -> set[int]:
        """Give the partitions whose records are here."""
        if not self.ready or self._active[0] != self.rebalance:
            found = {tp.partition for tp in self._app.assignor.assigned_actives() if tp.topic == self._changelog}
            self._active = self.rebalance if self.ready else None, found
        return self._active[1]

    def owners(self) -> dict[str, set[int]]:
        """Give every worker's canonical URL with its partitions, as assigned."""
        distribution = self._app.assignor.changelog_distribution
        return {url: set(topics.get(self._changelog, ())) for url, topics in distribution.items()}

    @property
    def totals(self) -> Totals:
        """Give the sums over the records of the active partitions."""
        if self._summed_for != self._app.rebalancing_count:
            self._sum_anew()
        return self._totals

    def _sum_anew(self) -> None:
        """After a rebalance; synchronous, so that no event comes between. Records that moved away are forgotten."""
        active, totals, gaps = self.active(), Totals(), set()
        for key, record in list(self._table.data.items()):
            if record is not None and record["partition"] in active:
                totals.replace(None, record)
                if record["gap"]:
                    gaps.add(key)
            else:
                self._table.data.pop(key)
        self._totals, self.gaps, self._summed_for = totals, gaps, self._app.rebalancing_count

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


def _rank(record: Record) -> tuple[int, int]:
    return record["conversation_id"], record["number"]
