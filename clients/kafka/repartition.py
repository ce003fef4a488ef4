"""Moves to another number of partitions: grows topics, and publishes what waits in them to its new place.

A number's waiting records may lie in two partitions: its former one, and the one that producers have used
since. So everything that waits is published again, oldest first, and counts as read where it was. Doing
it twice changes nothing.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import NewPartitions
from aiokafka.errors import MessageSizeTooLargeError

from clients.kafka.codecs import LARGEST_BATCH
from clients.kafka.connection import consumer_arguments, producer_arguments
from clients.kafka.time_order import in_time_order
from clients.kafka.topics import (
    create_topics,
    delete_topic,
    open_admin,
    partition_counts,
    topic_names,
    until_there,
)
from schemas.errors import ConfigurationError
from schemas.settings import Settings
from schemas.topics import STATS_CHANGELOG, topic_name


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a group has not read of one topic, in the topic's present partitions."""

    topic: str
    starts: dict[TopicPartition, int]
    ends: dict[TopicPartition, int]

    @property
    def count(self) -> int:
        """The number of offsets: at least the number of records."""
        return sum(self.ends[place] - start for place, start in self.starts.items())


class Source:
    """Topics, and what a group has not read of them: `async with Source.of(settings, group) as source`."""

    def __init__(self, settings: Settings, consumer: AIOKafkaConsumer) -> None:
        self._prefix = settings.topic_prefix
        self._consumer = consumer

    @classmethod
    @asynccontextmanager
    async def of(cls, settings: Settings, group: str) -> AsyncIterator[Self]:
        name = topic_name(settings.topic_prefix, group)
        async with AIOKafkaConsumer(**consumer_arguments(settings), group_id=name) as consumer:
            yield cls(settings, consumer)

    async def waiting(self, topic: str, partitions: int) -> Waiting:
        """Return what waits in a topic, which has so many partitions."""
        places = [TopicPartition(topic_name(self._prefix, topic), number) for number in range(partitions)]
        self._consumer.assign(places)
        beginnings = await self._consumer.beginning_offsets(places)
        ends = dict(await self._consumer.end_offsets(places))
        starts = {place: await self._consumer.committed(place) for place in places}
        found = {
            place: min(max(offset or 0, beginnings[place]), ends[place]) for place, offset in starts.items()
        }
        return Waiting(topic, found, ends)

    async def records(self, waiting: Waiting) -> AsyncIterator[list[ConsumerRecord]]:
        """Yield the waiting records, oldest first."""
        async for records in in_time_order(self._consumer, waiting.starts, waiting.ends):
            yield records

    async def count_as_read(self, waiting: Waiting) -> None:
        self._consumer.assign(list(waiting.ends))
        await self._consumer.commit(waiting.ends)


async def grow(settings: Settings, partitions: int) -> None:
    """Grow each topic to so many partitions, and give the statistics an empty changelog.

    Their records lie elsewhere afterwards.

    Raises:
        KafkaError: the broker refuses, or does not answer.
        ConfigurationError: the changelog cannot be created.
    """
    changelog = topic_name(settings.topic_prefix, STATS_CHANGELOG)
    async with open_admin(settings) as admin:
        counts = await partition_counts(admin, topic_names(settings))
        lacking = {name: NewPartitions(partitions) for name, count in counts.items() if count < partitions}
        lacking.pop(changelog, None)
        if lacking:
            await admin.create_partitions(lacking)
        if changelog in counts:
            await delete_topic(admin, changelog)
        await create_topics(admin, settings, [changelog], partitions)
        await until_there(admin, topic_names(settings), partitions)


async def copy(settings: Settings, source: Source, waiting: Waiting) -> int:
    """Publish what waits to the topics of `settings`; return how many records those were.

    They are compressed: what a topic has taken compressed it may refuse as it is.

    Raises:
        ConfigurationError: a topic does not take one of them; nothing counts as read.
    """
    name, count = topic_name(settings.topic_prefix, waiting.topic), 0
    producer = AIOKafkaProducer(
        **producer_arguments(settings), max_request_size=LARGEST_BATCH, compression_type="gzip"
    )
    async with producer:
        async for records in source.records(waiting):
            await _publish(producer, name, records)
            count += len(records)
    await source.count_as_read(waiting)
    return count


async def _publish(producer: AIOKafkaProducer, name: str, records: Sequence[ConsumerRecord]) -> None:
    """Publish records as they are, their time included."""
    sent = []
    for record in records:
        with _refused(name, record):
            key = b"" if record.key is None and record.value is None else record.key
            at = record.timestamp if record.timestamp >= 0 else None
            headers = list(record.headers)
            sent.append(
                (record, await producer.send(name, record.value, key, timestamp_ms=at, headers=headers))
            )
    for record, acknowledged in sent:
        with _refused(name, record):
            await acknowledged


@contextmanager
def _refused(name: str, record: ConsumerRecord) -> Iterator[None]:
    """Say which record a topic refuses for its size."""
    try:
        yield
    except MessageSizeTooLargeError as error:
        place = f"{record.topic}/{record.partition}/{record.offset}"
        advice = "raise the topic's max.message.bytes, and repeat the command"
        raise ConfigurationError(f"{name}: the record {place} is larger than it takes; {advice}") from error
