"""What a topic already holds: read from the log itself, which is the truth of what we got."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from clients.bounds import within
from clients.kafka.connection import KAFKA_ERRORS, consumer_arguments
from schemas.errors import Unavailable
from schemas.settings import Settings
from schemas.topics import topic_name

_CONNECT_SECONDS = 5.0
_POLL_MS = 500
# At the end of a topic a fetch is always under way, and its end is waited for: by itself half a second, on every look.
_FETCH_WAIT_MS = 20
# Polls without a record before the end offset: the broker does not answer.
_MOST_EMPTY_POLLS = 10


async def recent_values(settings: Settings, topic: str, since: datetime) -> AsyncIterator[bytes]:
    """Return the values that a topic took since a time, up to its present end.

    Raises:
        Unavailable: Kafka does not answer.
    """
    async with _reading(settings, topic) as consumer:
        ends = await within(_CONNECT_SECONDS, _seek(consumer, since))
        async for records in _up_to(consumer, ends):
            for record in records:
                yield record.value or b""


async def read_on(settings: Settings, topic: str, positions: Mapping[int, int]) -> AsyncIterator[list[ConsumerRecord]]:
    """Return a topic's records from positions (next offset by partition) up to its present end, in batches of a partition.

    Raises:
        Unavailable: Kafka does not answer.
    """
    async with _reading(settings, topic) as consumer:
        partitions = list(consumer.assignment())
        ends = dict(await within(_CONNECT_SECONDS, consumer.end_offsets(partitions)))
        begins = await within(_CONNECT_SECONDS, consumer.beginning_offsets(partitions))
        for partition, begin in begins.items():
            consumer.seek(partition, min(max(begin, positions.get(partition.partition, 0)), ends[partition]))
        async for records in _up_to(consumer, ends):
            yield records


@asynccontextmanager
async def _reading(settings: Settings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    # Without a group the consumer has every partition of its topic.
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


async def _seek(consumer: AIOKafkaConsumer, since: datetime) -> dict[TopicPartition, int]:
    """Go to the first records since a time; return the present end offsets."""
    partitions = list(consumer.assignment())
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    begins = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
    for partition, begin in begins.items():
        consumer.seek(partition, ends[partition] if begin is None else begin.offset)
    return ends


async def _up_to(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> AsyncIterator[list[ConsumerRecord]]:
    empty = 0
    while any([await consumer.position(partition) < end for partition, end in ends.items()]):
        batches = await consumer.getmany(timeout_ms=_POLL_MS)
        empty = 0 if batches else empty + 1
        if empty > _MOST_EMPTY_POLLS:
            raise TimeoutError("the broker stopped answering")
        for records in batches.values():
            yield records
