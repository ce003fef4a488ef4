"""Connects Faust's partitions, the mailboxes and the ownership of partitions."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

import structlog

from clients.kafka.connection import KAFKA_ERRORS
from schemas.errors import ConfigurationError, LogShrank
from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE
from streams.actors.clock import DatabaseClock
from streams.actors.hosting import Hosting
from streams.actors.ids import Ids
from streams.actors.ownership import Ownership
from streams.actors.publisher import Publisher
from streams.engine.offsets import TopicPartition, told
from streams.metrics import LOST_OFFSETS, REBALANCES

log = structlog.get_logger()

# How often to ask how far calls were read, which matters only to numbers without a conversation.
_LOOK_EVERY_SECONDS = 1.0
# A broker that answers does so within some milliseconds.
_LOOK_SECONDS = 4.0
# The longest wait of a command for a number without a conversation, and of what another address hands over.
# Reached only if the broker does not answer, or messages are held back for that long.
_CATCH_UP_SECONDS = 30.0

_NEVER = datetime.min.replace(tzinfo=UTC)


TP: TypeAlias = Any
"""Faust's own pair of a topic, by its full name, and a partition."""


class Consumer(Protocol):
    """What is used of `streams.engine.consumer.OrderedConsumer`. `tells_ends`: see there."""

    tells_ends: bool

    def assignment(self) -> set[TP]: ...
    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]: ...
    def highwater(self, tp: TP) -> int | None: ...
    def read_up_to(self, tp: TP, done: int) -> int: ...


class Partitions:
    """The worker's `app.engine`, see `streams.engine.consumer.Engine`.

    `consumer`: Faust's, once it has started.
    """

    def __init__(
        self,
        consumer: Callable[[], Consumer],
        prefix: str,
        hosting: Hosting,
        ownership: Ownership,
        publisher: Publisher,
        ids: Ids,
        clock: DatabaseClock,
        monotonic: Callable[[], float],
        check_log: Callable[[Collection[int]], Awaitable[None]] | None = None,
    ) -> None:
        """`check_log`: see `streams.actors.log_tail`; None: nothing is compared."""
        self._check_log = check_log
        self._behind: ConfigurationError | None = None
        self._consumer = consumer
        self._monotonic = monotonic
        self._prefix = prefix
        self._hosting = hosting
        self._ownership = ownership
        self._publisher = publisher
        self._ids = ids
        self._clock = clock
        self._positions: dict[TopicPartition, int] = {}
        #: `monotonic` seconds at which an event was last handed over.
        self.moved_at = self._monotonic()
        self.lost_offsets: dict[TopicPartition, str] = {}
        #: Since when the present partitions are ours.
        self.assigned_at = _NEVER
        #: Calls published before this time have been handed over.
        self.calls_read_until = _NEVER

    async def drain(self) -> None:
        """Finish what runs within the cap, before a rebalance or a stop; leave the rest to the next owner."""
        await self._hosting.drain()
        await self._publisher.flush()

    async def assigned(self, partitions: set[TP]) -> None:
        """Claim a new assignment in Postgres, before any of its events is handed over."""
        REBALANCES.inc()
        self._positions.clear()
        self.assigned_at = self._clock.now()
        self.calls_read_until = _NEVER
        self._hosting.revoke()
        claimed = {tp.partition for tp in partitions}
        claims = await self._ownership.claim(claimed)
        if not await self._has_log(claimed):
            self._ownership.lose()
            claims = {}
        await self._ids.renew()
        self._publisher.assigned(claims)
        # What a former assignment handed over meanwhile is no place to go on from.
        self._positions.clear()
        self._hosting.assign(self._ownership.epochs)

    async def _has_log(self, partitions: Collection[int]) -> bool:
        try:
            if self._check_log is not None:
                await self._check_log(partitions)
        except ConfigurationError as error:
            self._behind = error
        return self._behind is None

    async def watch_log(self) -> None:
        """Until cancelled, look whether a claim has found that Postgres is behind the log.

        Raises:
            ConfigurationError: it has; nothing is taken up any more.
        """
        while self._behind is None:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        raise self._behind

    def sought(self, offsets: dict[TP, int]) -> None:
        """Note where reading begins."""
        for tp, offset in offsets.items():
            self._positions.setdefault(self._source(tp), offset)

    async def read_on(self) -> None:
        """Do nothing after passing offsets without a record: whoever looks next is told."""

    def lost(self, found: dict[TP, tuple[int, int, int]]) -> None:
        """Report committed offsets that the log no longer has: it is read from its beginning."""
        for tp, place in found.items():
            source = self._source(tp)
            line = told(f"{source.topic}/{source.partition}", place)
            log.error("committed offsets are lost, the log is read from its beginning", place=line)
            self.lost_offsets[source] = line
        for topic, count in Counter(source.topic for source in self.lost_offsets).items():
            LOST_OFFSETS.labels(topic).set(count)

    def handed_over(self, source: TopicPartition, offset: int, generation: int) -> None:
        """Note that an event was put in its mailbox or disposed of; a former assignment's will come again."""
        if generation == self._hosting.generation:
            self._positions[source] = offset + 1
            self.moved_at = self._monotonic()

    async def watch_calls(self) -> None:
        """Until cancelled, look up to when calls have been handed over."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            await self.look_at_calls()

    async def until_calls_read(self) -> None:
        """Wait until the calls published before now have been handed over."""
        at, deadline = self._clock.now(), self._monotonic() + _CATCH_UP_SECONDS
        while self.calls_read_until < at:
            if self._monotonic() > deadline:
                log.warning("call topic was not read up in time")
                return
            await self.look_at_calls()
            if self.calls_read_until < at:  # the broker does not answer, or partitions have moved
                await asyncio.sleep(_LOOK_EVERY_SECONDS / 10)

    async def look_at_calls(self) -> None:
        """Ask the broker where the calls end now; once that is read, so is all that was published before."""
        at, generation = self._clock.now(), self._hosting.generation
        ends = await self._ends(CALL_COMPLETED)
        if ends is not None and await self._are_read(ends) and generation == self._hosting.generation:
            self.calls_read_until = max(self.calls_read_until, at)

    async def until_messages_read(self, partitions: Collection[int]) -> None:
        """Wait until clients' messages published to these partitions before now have been handed over."""
        generation, deadline = self._hosting.generation, self._monotonic() + _CATCH_UP_SECONDS
        ends = await self._ends(INBOUND_MESSAGE, partitions)
        while generation == self._hosting.generation and not (
            ends is not None and await self._are_read(ends)
        ):
            if self._monotonic() > deadline:
                log.warning("clients' messages were not read up in time", told=ends is not None)
                return
            if ends is None:  # the broker does not answer
                await asyncio.sleep(_LOOK_EVERY_SECONDS / 10)
                ends = await self._ends(INBOUND_MESSAGE, partitions)

    async def _ends(self, topic: str, partitions: Collection[int] | None = None) -> dict[TP, int] | None:
        """Return where (some of) our partitions of a topic end now; None if the broker does not say."""
        name = self._prefix + topic
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                ours = [tp for tp in self._consumer().assignment() if tp.topic == name]
                asked = [tp for tp in ours if partitions is None or tp.partition in partitions]
                return dict(await self._consumer().highwaters(*asked)) if asked else {}
        except KAFKA_ERRORS:
            return None

    async def _are_read(self, ends: dict[TP, int]) -> bool:
        generation, deadline = self._hosting.generation, self._monotonic() + _LOOK_SECONDS
        while any(self._read_up_to(tp) < end for tp, end in ends.items()):
            if self._monotonic() > deadline or generation != self._hosting.generation:
                return False
            await asyncio.sleep(_LOOK_EVERY_SECONDS / 10)
        return True

    async def behind(self) -> int:
        """Return how many events wait, in Kafka or between being fetched and being finished.

        Raises:
            KafkaError: the broker does not say.
            LogShrank: a topic ends before what was read of it. A restart reads it from its beginning.
        """
        ours = [tp for tp in self._consumer().assignment() if self._source(tp) in self._positions]
        read = {tp: self._read_up_to(tp) for tp in ours}
        ends = dict(await self._consumer().highwaters(*ours)) if ours else {}
        shrunk = sorted(tp for tp in ours if ends.get(tp, read[tp]) < read[tp])
        if shrunk and self._consumer().tells_ends:
            raise LogShrank(f"{shrunk[0].topic}/{shrunk[0].partition} ends before what was read of it")
        waiting: int = sum(max(0, end - read[tp]) for tp, end in ends.items())
        return waiting + self._hosting.unfinished

    def snapshot(self) -> dict[str, Any]:
        """Return the positions by partition."""
        return {f"{source.topic}-{source.partition}": at for source, at in sorted(self._positions.items())}

    def assignment(self) -> dict[str, list[int]]:
        """Return the partitions that Kafka assigns to this worker, by topic."""
        found: dict[str, list[int]] = {}
        for tp in sorted(self._assignment()):
            found.setdefault(tp.topic.removeprefix(self._prefix), []).append(tp.partition)
        return found

    def lag(self) -> dict[str, int]:
        """Return how many events lie beyond each partition's position, as of the last fetch."""
        found, ours = {}, self._assignment()
        for source, position in sorted(self._positions.items()):
            tp = TopicPartition(self._prefix + source.topic, source.partition)
            end = self._consumer().highwater(tp) if tp in ours else None
            read = self._read_up_to(tp) if tp in ours else position
            found[f"{source.topic}-{source.partition}"] = max(0, (end or read) - read)
        return found

    def _assignment(self) -> set[TP]:
        """Return what is assigned; nothing before the first time, when the consumer may not have started."""
        return self._consumer().assignment() if self._hosting.generation else set()

    def positions_of(self, topic: str) -> dict[int, int]:
        """Return the next offset to hand over of a topic, by partition; none while partitions move."""
        return {source.partition: at for source, at in self._positions.items() if source.topic == topic}

    def unread(self, topic: str) -> int:
        """Return how many of a topic's events lie beyond that, as of the last fetch."""
        return sum(lag for name, lag in self.lag().items() if name.rpartition("-")[0] == topic)

    def _read_up_to(self, tp: TP) -> int:
        """Return how far a partition has been handed over, including offsets without a record."""
        return int(self._consumer().read_up_to(tp, self._positions.get(self._source(tp), 0)))

    def _source(self, tp: TP) -> TopicPartition:
        return TopicPartition(tp.topic.removeprefix(self._prefix), tp.partition)
