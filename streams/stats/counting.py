"""The Faust agent's side: each event changes a record, and is acknowledged when Kafka has the change."""

import asyncio
from functools import partial
from typing import Any, get_args

import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Gauge

from process.tracing import is_recorded, span
from schemas.errors import InvalidInput
from schemas.events import EventType
from schemas.topics import CONVERSATION_EVENT, traceparent_of
from streams.engine.app import DRAIN_CAP_SECONDS
from streams.engine.offsets import TopicPartition
from streams.stats.changes import Changes, Deliveries, Delivery
from streams.stats.event_log import Entry
from streams.stats.live import LiveRecords
from streams.stats.record import Record

log = structlog.get_logger()

Change = tuple[str, Record | None]
"""Key and record to write; None if it is forgotten."""

# The most that waits for Kafka: about 3 s of the fastest stream, and a bound on what a crash repeats.
_MOST_OUTSTANDING = 10_000


_COUNTED = Counter(
    "whatsapp_stats_events_counted", "Conversation events read, repeated ones among them.", ["type"]
)
# Looked up once, because each event comes here.
_KNOWN = {name: _COUNTED.labels(name) for name in get_args(EventType)}
_OTHER = _COUNTED.labels("other")

REPEATED = Counter("whatsapp_stats_events_repeated", "Conversation events that had been counted before.")
SKIPPED = Counter("whatsapp_stats_events_skipped", "Conversation events that could not be counted.")
REPAIRED = Counter(
    "whatsapp_stats_records_repaired", "Records that were made again from Postgres and differed."
)
REBALANCES = Counter("whatsapp_stats_rebalances", "Assignments of partitions to this worker.")
READY = Gauge("whatsapp_stats_ready", "1 when the records of all assigned partitions are here.")
COMPLETE = Gauge("whatsapp_stats_complete", "1 when no record is known to lack an event.")
PARTITIONS = Gauge("whatsapp_stats_partitions", "Partitions whose records are here.")
RECORDS = Gauge("whatsapp_stats_records", "Conversations whose records are here.")


def counted(type_: str) -> None:
    """Count an event. Types are an open set, but the metric's labels are not."""
    _KNOWN.get(type_, _OTHER).inc()


class Counting:
    """The app's `engine`, see `streams.engine.consumer.Engine`."""

    def __init__(self, records: LiveRecords, changes: Changes) -> None:
        self._records = records
        self._changes = changes
        self._deliveries = Deliveries()
        self._room = asyncio.Event()

    async def drain(self) -> None:
        """Bring all changes into the changelog before partitions leave: the next owner recovers from it."""
        self._deliveries.open = False
        self._room.set()
        flushing = asyncio.create_task(self._changes.flush(), name="last changes")
        if left := await self._deliveries.drain(DRAIN_CAP_SECONDS):
            log.warning("changes were not delivered in time", events=left)
        elif flushing.done():
            flushing.result()

    async def assigned(self, partitions: set[TopicPartition]) -> None:
        self._changes.forget()
        self._deliveries.begin_generation()
        REBALANCES.inc()

    def sought(self, offsets: dict[TopicPartition, int]) -> None:
        """Ignore where reading begins: events carry numbers."""

    async def read_on(self) -> None:
        """Ignore which offsets hold no record."""

    def lost(self, found: dict[TopicPartition, tuple[int, int, int]]) -> None:
        """Only warn of a log without its beginning: what is missing is looked up in Postgres."""
        log.warning("committed offsets are lost, the log is read from its beginning", partitions=len(found))

    async def take(self, event: Any) -> None:  # noqa: ANN401 - a Faust event
        """Count an event, to be acknowledged when its change is in Kafka.

        Never raises: Faust would stop for seconds.
        """
        while self._deliveries.open and self._deliveries.outstanding >= _MOST_OUTSTANDING:
            self._room.clear()
            await self._room.wait()
        if not self._deliveries.open:
            return  # partitions are leaving; the next owner gets it
        message = event.message
        entry = self._deliveries.begin(message.partition, message.offset, event)
        changed = self._traced(message) if is_recorded() and message.headers else self._changed(message)
        if changed is None:
            self._deliveries.finish(entry)
        else:
            self._records.write(message.partition, *changed, partial(self._done, entry))

    def _done(self, entry: Delivery) -> None:
        self._deliveries.finish(entry)
        self._room.set()

    def _traced(self, message: Any) -> Change | None:  # noqa: ANN401
        """Go on in the trace that began with the client's message, which ends here."""
        with span(f"count {CONVERSATION_EVENT}", SpanKind.CONSUMER, traceparent_of(message.headers)):
            return self._changed(message)

    def _changed(self, message: Any) -> Change | None:  # noqa: ANN401
        """Return key and record to write, or None. What cannot be counted stays in the log."""
        records = self._records
        try:
            entry = Entry.read(message.key, message.value, message.partition, records.partitions)
            before = records.find(entry.phone_number)
            after = entry.after(before, records.zone, records.days_kept)
        except InvalidInput as error:
            _skip(message, error.field)
            return None
        except Exception:  # noqa: BLE001 - one event that nobody foresaw must not stop the statistics
            log.exception("event was not foreseen")
            _skip(message, "event")
            return None
        counted(entry.kind)
        if after is before:
            REPEATED.inc()
            return None
        return entry.phone_number, after


def _skip(message: Any, field: str) -> None:  # noqa: ANN401
    SKIPPED.inc()
    log.warning("event cannot be counted", field=field, partition=message.partition, offset=message.offset)
