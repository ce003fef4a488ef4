"""Reads partitions to their ends and on, beside Faust and ahead of it. Joins no group and commits nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from clients.bounds import within
from clients.kafka.connection import KAFKA_ERRORS, consumer_arguments
from schemas.errors import Unavailable
from schemas.settings import Settings
from schemas.topics import topic_name

log = structlog.get_logger()

_CONNECT_SECONDS = 5.0
# Nothing is flushed; what hangs longer is left to the broker's time-outs.
_STOP_SECONDS = 2.0
# A backlog of 100,000 is some twenty of these; each holds the event loop for some 20 ms.
_MOST_AT_ONCE = 5000
# How late a new message may be found, and how often the broker is asked while there is none.
_POLL_MS = 100


class Followed(NamedTuple):
    """A record. `timestamp`: Unix seconds, as in Faust's messages."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any
    timestamp: float | None


Poll = Callable[[], Awaitable[list[Followed]]]
"""Returns what came, in each partition's order; nothing if nothing came for a while."""

Follow = Callable[[Mapping[int, int]], AbstractAsyncContextManager[Poll]]
"""Reads a topic's partitions from these offsets on. Raises `Unavailable` if Kafka does not answer."""


def follow(settings: Settings, topic: str) -> Follow:
    name = topic_name(settings.topic_prefix, topic)

    @asynccontextmanager
    async def following(starts: Mapping[int, int]) -> AsyncIterator[Poll]:
        consumer = AIOKafkaConsumer(
            **consumer_arguments(settings),
            group_id=None,
            fetch_max_wait_ms=_POLL_MS,
            auto_offset_reset="earliest",
        )
        places = {TopicPartition(name, partition): start for partition, start in starts.items()}
        try:
            await within(_CONNECT_SECONDS, consumer.start())
            consumer.assign(list(places))
            for place, start in places.items():
                consumer.seek(place, start)
            yield partial(_poll, consumer)
        except KAFKA_ERRORS as error:
            raise Unavailable("Kafka does not answer") from error
        finally:
            await _stop(consumer)

    return following


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a client. One whose broker is away cancels whoever stops it, so that is a task of its own."""
    stopping = asyncio.create_task(consumer.stop(), name="stop following")
    await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if stopping.done() and not stopping.cancelled() and (error := stopping.exception()) is not None:
        log.warning("client did not stop in order", why=type(error).__name__)


async def _poll(consumer: AIOKafkaConsumer) -> list[Followed]:
    got = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
    return [_followed(each) for records in got.values() for each in records]


def _followed(record: ConsumerRecord) -> Followed:
    seconds = record.timestamp / 1000 if record.timestamp else None
    return Followed(record.partition, record.offset, record.key, record.value, record.headers, seconds)
