"""Reads topics from one offset to another, many records at a time. Joins no group and commits nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from clients.bounds import within
from clients.kafka.connection import KAFKA_ERRORS, consumer_arguments
from schemas.errors import Unavailable
from schemas.settings import Settings
from schemas.topics import topic_name

Offsets = Mapping[TopicPartition, int]
Records = dict[TopicPartition, list[ConsumerRecord]]

# A few MB, handled in some ten milliseconds.
_MOST_AT_ONCE = 1000
_POLL_MS = 500
# Then it is time to ask whether the brokers answer at all, see `all_between`.
_EMPTY_POLLS = 20
# A leader that has just answered gives what it has at the next fetch.
_ANSWERED_POLLS = 4
# If a topic was not read to its end after so many, the broker does not answer.
_MOST_EMPTY_POLLS = 10
_CONNECT_SECONDS = 5.0
# At a topic's end a fetch is always under way, and every look waits for it to end: by default half a second.
_FETCH_WAIT_MS = 20


async def between(
    consumer: AIOKafkaConsumer,
    starts: Offsets,
    ends: Offsets,
    *,
    wanted: Callable[[set[TopicPartition]], Collection[TopicPartition]] = lambda left: left,
    most: int = _MOST_AT_ONCE,
    empty_polls: int = _EMPTY_POLLS,
) -> AsyncIterator[tuple[Records, set[TopicPartition]]]:
    """Yield what came from the partitions between their offsets, and which of them still have more to come.

    `wanted`: which of these to ask next. `empty_polls`: so many end the reading, with partitions left over.

    Raises:
        KafkaError: Kafka does not answer.
    """
    left = {place for place, start in starts.items() if start < ends[place]}
    for place in left:
        consumer.seek(place, starts[place])
    empty = 0
    while left and empty < empty_polls:
        got: Records = await consumer.getmany(*wanted(left), timeout_ms=_POLL_MS, max_records=most)
        empty = 0 if got else empty + 1
        reached = {place for place in left if await consumer.position(place) >= ends[place]}
        left -= reached
        yield (
            {
                place: [each for each in records if each.offset < ends[place]]
                for place, records in got.items()
            },
            left,
        )
        if reached:
            consumer.pause(*reached)


async def all_between(
    consumer: AIOKafkaConsumer,
    starts: Offsets,
    ends: Offsets,
    *,
    wanted: Callable[[set[TopicPartition]], Collection[TopicPartition]] = lambda left: left,
    most: int = _MOST_AT_ONCE,
) -> AsyncIterator[tuple[Records, set[TopicPartition]]]:
    """Yield as `between` does, and leave nothing over.

    A partition whose last records were compacted away, or are transaction markers, gives nothing more. It
    counts as read when its leader answers, and nothing comes once more: a broker that stands still, or
    a partition without a leader, looks the same otherwise.

    Raises:
        KafkaError: Kafka does not answer, or not for one of these partitions.
    """
    at, silent, polls = dict(starts), dict[TopicPartition, int](), _EMPTY_POLLS
    left = {place for place, start in starts.items() if start < ends[place]}
    while left:
        async for got, left in between(  # noqa: B020
            consumer, at, ends, wanted=wanted, most=most, empty_polls=polls
        ):
            yield got, left
        if not left:
            return
        asked, polls = list(wanted(left)), _ANSWERED_POLLS
        await consumer.end_offsets(asked)
        at = {place: await consumer.position(place) for place in left}
        left -= {place for place in asked if silent.get(place) == at[place]}
        silent.update((place, at[place]) for place in asked)
        yield {}, left
        at = {place: at[place] for place in left}


class PartitionReader:
    """A reader: `async with PartitionReader(settings) as reader`.

    Every method raises `Unavailable` when Kafka does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._consumer = AIOKafkaConsumer(**consumer_arguments(settings), auto_offset_reset="earliest")

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except KAFKA_ERRORS as error:
            await self._consumer.stop()
            raise Unavailable("Kafka does not answer") from error
        # If it were stopped before its own task's first step, the client would cancel whoever stops it.
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def beginnings(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the oldest offsets that are kept."""
        try:
            return dict(await self._consumer.beginning_offsets(list(places)))
        except KAFKA_ERRORS as error:
            raise Unavailable("Kafka does not answer") from error

    async def ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offsets after the last record."""
        try:
            return dict(await self._consumer.end_offsets(list(places)))
        except KAFKA_ERRORS as error:
            raise Unavailable("Kafka does not answer") from error

    async def batches(self, starts: Offsets, ends: Offsets) -> AsyncIterator[Records]:
        """Yield the partitions' records between their offsets, in each partition's order."""
        if not (places := [place for place, start in starts.items() if start < ends[place]]):
            return
        self._consumer.assign(places)
        try:
            async for got, _ in all_between(self._consumer, starts, ends):
                yield got
        except KAFKA_ERRORS as error:
            raise Unavailable("Kafka does not answer") from error


async def recent_values(settings: Settings, topic: str, since: datetime) -> AsyncIterator[bytes]:
    """Yield the values that a topic took since a time, up to its present end.

    Raises:
        Unavailable: Kafka does not answer.
    """
    async with _reading(settings, topic) as consumer:
        starts, ends = await within(_CONNECT_SECONDS, _since(consumer, since))
        async for records in _to_its_end(consumer, starts, ends):
            for record in records:
                yield record.value or b""


async def newest_values(
    settings: Settings, topic: str, partitions: Collection[int], most: int
) -> list[bytes]:
    """Return the values of the last records of a topic's partitions, `most` of each.

    Raises:
        Unavailable: Kafka does not answer.
    """
    async with _reading(settings, topic) as consumer:
        places = [place for place in consumer.assignment() if place.partition in partitions]
        ends = dict(await within(_CONNECT_SECONDS, consumer.end_offsets(places)))
        begins = await within(_CONNECT_SECONDS, consumer.beginning_offsets(places))
        starts = {place: max(begin, ends[place] - most) for place, begin in begins.items()}
        found = [each async for records in _to_its_end(consumer, starts, ends) for each in records]
    return [record.value or b"" for record in found]


async def read_on(
    settings: Settings, topic: str, positions: Mapping[int, int]
) -> AsyncIterator[list[ConsumerRecord]]:
    """Yield a topic's records from positions up to its present end, each batch from one partition.

    `positions`: the next offset by partition. The record before it is read again, by which its reader knows
    the topic. A partition that ends before it is another topic's, made anew under that name: it is read
    from its beginning.

    Raises:
        Unavailable: Kafka does not answer.
    """
    async with _reading(settings, topic) as consumer:
        places = list(consumer.assignment())
        ends = dict(await within(_CONNECT_SECONDS, consumer.end_offsets(places)))
        begins = await within(_CONNECT_SECONDS, consumer.beginning_offsets(places))
        known = {place: positions.get(place.partition, 0) for place in places}
        starts = {
            place: begin if known[place] > ends[place] else max(begin, known[place] - 1)
            for place, begin in begins.items()
        }
        async for records in _to_its_end(consumer, starts, ends):
            yield records


@asynccontextmanager
async def _reading(settings: Settings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    # Without a group the consumer is assigned every partition of its topic.
    consumer = AIOKafkaConsumer(
        topic_name(settings.topic_prefix, topic),
        **consumer_arguments(settings),
        group_id=None,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    try:
        await within(_CONNECT_SECONDS, consumer.start())
        yield consumer
    except KAFKA_ERRORS as error:
        raise Unavailable("Kafka does not answer") from error
    finally:
        await consumer.stop()


async def _since(consumer: AIOKafkaConsumer, since: datetime) -> tuple[Offsets, Offsets]:
    """Return the first offsets since a time, and the present end offsets."""
    places = list(consumer.assignment())
    ends: Offsets = await consumer.end_offsets(places)
    begins = await consumer.offsets_for_times(dict.fromkeys(places, int(since.timestamp() * 1000)))
    return {place: ends[place] if begin is None else begin.offset for place, begin in begins.items()}, ends


async def _to_its_end(
    consumer: AIOKafkaConsumer, starts: Offsets, ends: Offsets
) -> AsyncIterator[list[ConsumerRecord]]:
    is_read = True
    async for got, left in between(consumer, starts, ends, empty_polls=_MOST_EMPTY_POLLS):
        is_read = not left
        for records in got.values():
            yield records
    if not is_read:
        raise TimeoutError("the broker stopped answering")
