"""Joins Faust's partitions, the mailboxes and the ownership of partitions."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import faust
import structlog
from faust.types import TP

from schemas.errors import Fenced, LogShrank
from schemas.topics import CALL_COMPLETED
from streams.engine.app import DRAIN_CAP_SECONDS
from streams.engine.lost_offsets import told
from streams.engine.mailbox import Mailboxes
from streams.engine.work import TopicPartition, WorkItem
from streams.journal.ownership import Ownership
from streams.metrics import LOST_OFFSETS, REBALANCES

log = structlog.get_logger()

# Longest that a message of an unknown number waits for the call topic to be read up; reached only when the broker
# does not answer, because reading up takes milliseconds.
_CATCH_UP_SECONDS = 30.0
# Session and rebalance time-outs together: by then a paused worker has its new assignment.
_FENCED_SECONDS = 40.0


class Abandonable(Protocol):
    """Something that numbers wait for and that must let them go before the partitions leave."""

    def abandon(self) -> None: ...


class WorkerEngine:
    """Set as `app.engine`; see `streams.engine.consumer.Engine`."""

    def __init__(
        self, app: faust.App, prefix: str, mailboxes: Mailboxes, ownership: Ownership, pauses: Sequence[Abandonable]
    ) -> None:
        self._app = app
        self._prefix = prefix
        self._mailboxes = mailboxes
        self._ownership = ownership
        self.pauses = pauses
        self._positions: dict[TopicPartition, int] = {}
        self._look: asyncio.Task[dict[TP, int]] | None = None
        self._next_look: asyncio.Task[dict[TP, int]] | None = None
        self.moved_at = time.monotonic()
        self.lost_offsets: dict[TopicPartition, str] = {}

    async def drain(self) -> None:
        """Before a rebalance or a stop: what has begun is finished within the cap, the rest is left to the next owner."""
        draining = asyncio.create_task(self._mailboxes.drain(DRAIN_CAP_SECONDS), name="drain")
        await asyncio.sleep(0)  # from here on nothing new begins
        for pause in self.pauses:
            pause.abandon()
        await draining

    async def assigned(self, partitions: set[TP]) -> None:
        """A new assignment: claimed in Postgres before any of its events is handed over."""
        REBALANCES.inc()
        self._ownership.release()
        self._positions.clear()
        await self._mailboxes.begin_generation()
        await self._ownership.claim({tp.partition for tp in partitions})

    def sought(self, offsets: dict[TP, int]) -> None:
        """Where reading begins."""
        for tp, offset in offsets.items():
            self._positions.setdefault(self._source(tp), offset)

    def lost(self, found: dict[TP, tuple[int, int, int]]) -> None:
        """Offsets up to which events were done are not in the log any more: it is read from its beginning."""
        for tp, place in found.items():
            source = self._source(tp)
            line = told(f"{source.topic}/{source.partition}", place)
            log.error("committed offsets are lost, the log is read from its beginning", place=line)
            self.lost_offsets[source] = line
        for topic, count in Counter(source.topic for source in self.lost_offsets).items():
            LOST_OFFSETS.labels(topic).set(count)

    def handed_over(self, item: WorkItem) -> None:
        """An event has reached its mailbox, or was disposed of; one of a former assignment will come again."""
        if item.generation == self._mailboxes.generation:
            self._positions[item.source] = item.offset + 1
            self.moved_at = time.monotonic()

    async def calls_caught_up(self, key: str, partition: int) -> None:
        """Wait until the calls published before now are handed over, or one for this key stands behind its message.

        The second condition keeps this free of deadlock: calls that wait behind such messages fill their topic's bound
        only until the messages see them.

        Raises:
            Fenced: the partitions are given up, so that no more calls are handed over.
        """
        source = TopicPartition(CALL_COMPLETED, partition)

        def is_read(end: int) -> bool:
            return self._positions.get(source, 0) >= end or self._mailboxes.holds(key, CALL_COMPLETED)

        try:
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                end = (await self._fresh_end_offsets()).get(TP(self._prefix + CALL_COMPLETED, partition), 0)
                await self._mailboxes.wait_until(lambda: is_read(end) or not self._mailboxes.accepting)
        except TimeoutError:
            log.warning("call topic was not read up in time", partition=partition)
            return
        if not is_read(end):
            raise Fenced("drained before its call was read")

    async def _fresh_end_offsets(self) -> dict[TP, int]:
        """Give offsets that are not older than the asking: one look-up runs, and all who come meanwhile share the next.

        More at once would queue before the consumer's own fetches, each as long as a fetch that waits for events.
        """
        if self._next_look is None:
            self._next_look = asyncio.create_task(self._look_up(self._look), name="end offsets")
        return await asyncio.shield(self._next_look)

    async def _look_up(self, before: "asyncio.Task[dict[TP, int]] | None") -> dict[TP, int]:
        if before is not None:
            await asyncio.wait({before})
        self._look, self._next_look = self._next_look, None
        name = self._prefix + CALL_COMPLETED
        ours = [tp for tp in self._app.consumer.assignment() if tp.topic == name]
        return dict(await self._app.consumer.highwaters(*ours)) if ours else {}

    async def behind(self) -> int:
        """Tell how many events wait: in Kafka, and between their fetch and their end.

        Raises:
            KafkaError: the broker does not tell.
            LogShrank: a topic ends before what was read of it. A new start reads it from its beginning.
        """
        ours = [tp for tp in self._app.consumer.assignment() if self._source(tp) in self._positions]
        read = {tp: self._positions[self._source(tp)] for tp in ours}
        ends = dict(await self._app.consumer.highwaters(*ours)) if ours else {}
        if self._app.consumer.tells_ends and (shrunk := sorted(tp for tp in ours if ends.get(tp, read[tp]) < read[tp])):
            raise LogShrank(f"{shrunk[0].topic}/{shrunk[0].partition} ends before what was read of it")
        waiting: int = sum(max(0, end - self._positions.get(self._source(tp), end)) for tp, end in ends.items())
        return waiting + self._mailboxes.unfinished

    async def watch_fencing(self) -> None:
        """Watch, until cancelled, that fenced work is followed by a new assignment.

        Raises:
            Fenced: it is not. Whoever fenced us believes to own partitions that Kafka gives to us; a new start ends that.
        """
        while True:
            await asyncio.sleep(_FENCED_SECONDS / 10)
            fenced_at = self._mailboxes.fenced_at
            if fenced_at is not None and time.monotonic() - fenced_at > _FENCED_SECONDS:
                raise Fenced("partitions are claimed by another process, though Kafka assigns them to this one")

    def _source(self, tp: TP) -> TopicPartition:
        return TopicPartition(tp.topic.removeprefix(self._prefix), tp.partition)

    def snapshot(self) -> dict[str, Any]:
        """Give the positions by partition."""
        return {f"{source.topic}-{source.partition}": offset for source, offset in sorted(self._positions.items())}

    def assignment(self) -> dict[str, list[int]]:
        """Give the partitions that Kafka assigns to this worker, by topic."""
        found: dict[str, list[int]] = {}
        for tp in sorted(self._app.consumer.assignment()):
            found.setdefault(tp.topic.removeprefix(self._prefix), []).append(tp.partition)
        return found

    def lag(self) -> dict[str, int]:
        """Give the events behind the positions, by partition, as of the last fetch."""
        found, ours = {}, self._app.consumer.assignment()
        for source, position in sorted(self._positions.items()):
            tp = TP(self._prefix + source.topic, source.partition)
            end = self._app.consumer.highwater(tp) if tp in ours else None
            found[f"{source.topic}-{source.partition}"] = max(0, (end or position) - position)
        return found
