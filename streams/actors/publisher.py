"""Publishes the whole log to Kafka, each partition in the order of its sequence.

After a take-over, what is unpublished goes before anything new. Sequences are given out as writes begin, and
writes end in any order; an event leaves when all before it in its partition are written or refused. One row
per partition says how far Kafka has acknowledged. It moves about once a second, so a new owner sends again
what was sent since, which the events' numbers make harmless.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from clients.kafka.connection import KafkaError
from clients.kafka.producer import Producer
from db.pool import Pool
from db.store.ownership import Claim
from db.store.publication import advance, unpublished
from process.life import closed
from process.tracing import trace_header
from rules.codec import published
from schemas.rows import LogRow
from schemas.topics import CONVERSATION_EVENT
from streams.failpoints import reach

log = structlog.get_logger()

# No answer waits for this, and statistics a fifth of a second behind are still live. A separate request to
# Kafka for each turn, and a fetch by the statistics for each, would cost as much as the turn.
_GATHER_SECONDS = 0.2
_ADVANCE_EVERY_SECONDS = 1.0
# About 350 kB, a request or a few for Kafka's client; more would keep the loop busy for tens of milliseconds.
_LARGEST_BATCH = 500
# One batch per partition takes some milliseconds, and so does the statement that records it. Together this is
# less than a stop has besides the drain (2 s); the next owner does the rest.
_FLUSH_SECONDS = 0.75
_RECORD_SECONDS = 0.25
# What memory keeps of a partition while Kafka is away, about 10 MB; the rest is read from the log.
_LONGEST_TAIL = 10_000
# From a leader election to a broker's restart.
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 5.0

Item = tuple[int, bytes, bytes, str | None]
"""Sequence, key, value and trace of an event."""


@dataclass(slots=True)
class _Tail:
    """A partition's events that Kafka does not have, from when it became ours by `epoch`."""

    epoch: int
    sequence: int
    published: int
    #: Since when something that waits could have left; None if nothing waits.
    waits_since: float | None
    #: Sequences whose write has begun, in order, with the event once it is written.
    open: OrderedDict[int, Item | None] = field(default_factory=OrderedDict)
    pending: set[int] = field(default_factory=set)
    #: Memory lacks what lies above, which is read from the log; None if it lacks nothing.
    reads_from: int | None = None
    recorded: int = 0
    #: Something may leave that the search under way did not see.
    is_woken: bool = False
    #: Held while a batch leaves: one at a time.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Publisher:
    """Publisher of the log."""

    def __init__(
        self,
        pool: Pool,
        producer: Producer,
        epochs: Callable[[], Mapping[int, int]],
        monotonic: Callable[[], float],
    ) -> None:
        self._pool = pool
        self._producer = producer
        self._epochs = epochs
        self._monotonic = monotonic
        self._tails: dict[int, _Tail] = {}
        self._wakes = asyncio.Event()
        #: `monotonic` seconds of the last publication or new try, see `streams.worker.progress`.
        self.moved_at = self._monotonic()

    def assigned(self, claims: Mapping[int, Claim]) -> None:
        """Start over: what lies above each watermark is read from the log and goes first."""
        self._tails = {
            claim.partition: _Tail(
                epoch=claim.epoch,
                sequence=claim.sequence,
                published=claim.published,
                reads_from=claim.published,
                recorded=claim.published,
                waits_since=self._monotonic(),
            )
            for claim in claims.values()
        }
        self._wakes.set()

    def _tail(self, partition: int, epoch: int) -> _Tail | None:
        """Return the tail that a write concerns, or None if the write is of an older epoch.

        If its answer comes after a new claim, others have its sequences by now. Whatever became of it, the
        log has told.
        """
        tail = self._tails.get(partition)
        return tail if tail is not None and tail.epoch == epoch else None

    def next_sequence(self, partition: int, epoch: int) -> int:
        """Advance a partition's sequence, and return it."""
        tail = self._tail(partition, epoch)
        if tail is None:
            return 0  # given up meanwhile: the write is refused by its epoch
        tail.sequence += 1
        return tail.sequence

    def begun(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None:
        """Note that a write begins: what it logs must not be overtaken."""
        if (tail := self._tail(partition, epoch)) is not None:
            for row in rows:
                tail.open[row.sequence] = None
                tail.pending.add(row.sequence)

    def written(self, partition: int, epoch: int, key: str, rows: Sequence[tuple[LogRow, int]]) -> None:
        """Let the events of a durable write leave. `rows`: each with its conversation's id."""
        if (tail := self._tail(partition, epoch)) is None:
            return
        for row, conversation_id in rows:
            value, trace = published(row, key, conversation_id)
            tail.pending.discard(row.sequence)
            tail.open[row.sequence] = (row.sequence, key.encode(), value, trace)
        self._shorten(tail)
        self._wakes.set()

    def refused(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None:
        """Note that a write came to nothing."""
        if (tail := self._tail(partition, epoch)) is not None:
            for row in rows:
                tail.pending.discard(row.sequence)
                tail.open.pop(row.sequence, None)
            self._wakes.set()

    @property
    def unpublished(self) -> int:
        """Number of events that wait in memory."""
        return sum(len(tail.open) for tail in self._tails.values())

    def oldest_seconds(self) -> float | None:
        """Return for how long something that could leave has waited; None if nothing waits."""
        since = [tail.waits_since for tail in self._tails.values() if tail.waits_since is not None]
        return round(self._monotonic() - min(since), 3) if since else None

    async def work(self) -> None:
        """Publish until cancelled."""
        await asyncio.gather(self._publish_always(), self._advance_always())

    async def flush(self) -> None:
        """Publish what can leave, and record it, so that an orderly stop leaves nothing unpublished.

        What does not leave within a moment is left to the next owner.
        """
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                await asyncio.gather(*(self._publish(*each) for each in list(self._tails.items())))
        except TimeoutError:
            log.warning("not all events could be published, which is left to the next owner")
        await closed("watermarks", self.advance(), _RECORD_SECONDS)

    async def _publish_always(self) -> None:
        """Let each partition publish by itself: one without a leader holds up its own events alone."""
        async with asyncio.TaskGroup() as partitions:
            while True:
                await self._wakes.wait()
                self._wakes.clear()
                await asyncio.sleep(_GATHER_SECONDS)
                for partition, tail in self._tails.items():
                    tail.is_woken = True
                    if not tail.lock.locked():
                        partitions.create_task(self._publish(partition, tail))

    async def _publish(self, partition: int, tail: _Tail) -> None:
        async with tail.lock:
            await self._publish_all(partition, tail)

    async def _publish_all(self, partition: int, tail: _Tail) -> None:
        while self._tails.get(partition) is tail:
            tail.is_woken = False
            batch = await self._next(partition, tail)
            if not batch and tail.is_woken:
                continue
            if not batch:
                tail.waits_since = None
                return
            tail.waits_since = tail.waits_since or self._monotonic()
            await self._send(batch)
            reach("after-publish")
            self.moved_at = tail.waits_since = self._monotonic()
            if self._tails.get(partition) is tail:
                tail.published = max(tail.published, batch[-1][0])
                for sequence, *_ in batch:
                    tail.open.pop(sequence, None)

    async def _next(self, partition: int, tail: _Tail) -> list[Item]:
        if tail.reads_from is not None:
            return await self._read(partition, tail, tail.reads_from)
        batch: list[Item] = []
        for item in tail.open.values():
            if item is None or len(batch) == _LARGEST_BATCH:
                break
            batch.append(item)
        return batch

    async def _read(self, partition: int, tail: _Tail, after: int) -> list[Item]:
        """Read what memory lacks from the log, up to any write under way or begun during the read."""
        barrier = min(tail.pending, default=None)
        last = tail.sequence if barrier is None else barrier
        found = await unpublished(self._pool, partition, after=after, most=_LARGEST_BATCH)
        batch: list[Item] = []
        for each in found:
            if each.row.sequence > last:
                break
            value, trace = published(each.row, each.phone_number, each.conversation_id)
            batch.append((each.row.sequence, each.phone_number.encode(), value, trace))
        if batch:
            tail.reads_from = batch[-1][0]
        elif barrier is None or not found:
            tail.reads_from = None
            return await self._next(partition, tail)
        return batch

    def _shorten(self, tail: _Tail) -> None:
        """Keep a bounded tail in memory; what is dropped is read again from the log."""
        if len(tail.open) <= _LONGEST_TAIL or tail.reads_from is not None:
            return
        tail.reads_from = tail.published
        written = [sequence for sequence, item in tail.open.items() if item is not None]
        for sequence in written:
            del tail.open[sequence]

    async def _send(self, batch: Sequence[Item]) -> None:
        records = [(key, value, trace_header(trace)) for _, key, value, trace in batch]
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(KafkaError),
            wait=wait_exponential_jitter(multiplier=_FIRST_RETRY_SECONDS, max=_LONGEST_RETRY_SECONDS),
            before_sleep=lambda _: self._wait(),
        )
        await attempts(self._producer.send_marked, CONVERSATION_EVENT, records)

    def _wait(self) -> None:
        self.moved_at = self._monotonic()
        log.warning("events could not be published and are sent again")

    async def _advance_always(self) -> None:
        while True:
            await asyncio.sleep(_ADVANCE_EVERY_SECONDS)
            await self.advance()

    async def advance(self) -> None:
        """Record how far Kafka has acknowledged."""
        epochs = self._epochs()
        moved = {
            partition: tail.published
            for partition, tail in self._tails.items()
            if tail.published > tail.recorded and partition in epochs
        }
        if moved:
            await advance(self._pool, epochs, moved)
            for partition, published in moved.items():
                if (tail := self._tails.get(partition)) is not None:
                    tail.recorded = max(tail.recorded, published)
