"""A process's one producer: idempotent, and replaced once an error has ended it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from clients.kafka.connection import REQUEST_TIMEOUT_MS, ends_a_producer, producer_arguments
from schemas.settings import Settings
from schemas.topics import LARGEST_RECORD, topic_name

log = structlog.get_logger()

# A turn needs its number's partition a dozen times. As many as may write within some minutes, about 2 MB.
_NUMBERS_REMEMBERED = 10_000
Headers = Sequence[tuple[str, bytes]]


class Producer:
    """An idempotent producer with `acks=all`; it takes topics by their bare names.

    One that an error has ended is let go: the sender tries again, and whoever sends next connects anew.
    aiokafka's idempotent producer never gives up on a record: what the former one, or one that nobody waits
    for any more, still brings to Kafka is a repetition, which the events' ids make harmless.
    """

    def __init__(self, settings: Settings, request_seconds: float = REQUEST_TIMEOUT_MS / 1000) -> None:
        """`request_seconds`: how long a request may stay unanswered before the client drops its connection.

        Raises:
            ConfigurationError: see `clients.kafka.connection.connection_arguments`.
        """
        self._prefix = settings.topic_prefix
        self._arguments = producer_arguments(settings) | {
            "request_timeout_ms": int(request_seconds * 1000),
            "max_request_size": LARGEST_RECORD,
        }
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()

    @property
    def is_connected(self) -> bool:
        return self._producer is not None

    async def start(self) -> None:
        """Connect unless connected.

        Raises:
            KafkaError: Kafka does not answer.
        """
        await self._connected()

    async def stop(self, seconds: float | None = None) -> None:
        """End, after at most so many seconds for what is under way; None: until it has arrived."""
        if self._producer is not None:
            self._retire(self._producer)
        if self._retired:
            await asyncio.wait(self._retired, timeout=seconds)

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        *,
        partition: int | None = None,
    ) -> None:
        """Publish a record; return when all in-sync replicas have it. `partition`: None means its key's.

        Raises:
            KafkaError: the record is not known to have been stored; it may still be.
        """
        async with self._current() as producer:
            name = topic_name(self._prefix, topic)
            await producer.send_and_wait(name, value, key, partition, headers=list(headers))

    async def send_marked(self, topic: str, records: Sequence[tuple[bytes, bytes, Headers]]) -> None:
        """Publish many records (key, value, headers) in their order and wait for all of them; see `send`."""
        name = topic_name(self._prefix, topic)
        async with self._current() as producer:
            waiting = [
                await producer.send(name, value, key, headers=list(headers))
                for key, value, headers in records
            ]
            ends = await asyncio.gather(*waiting, return_exceptions=True)
            if failed := next((end for end in ends if isinstance(end, BaseException)), None):
                raise failed

    async def partition_counts(self, topics: Iterable[str]) -> set[int]:
        """Ask the brokers how many partitions these topics have; 0: there is no such topic.

        Raises:
            KafkaError: Kafka does not answer.
        """
        cluster = await (await self._connected()).client.fetch_all_metadata()
        return {len(cluster.partitions_for_topic(topic_name(self._prefix, topic)) or ()) for topic in topics}

    @asynccontextmanager
    async def _current(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = await self._connected()
        try:
            yield producer
        except KafkaError as error:
            if ends_a_producer(error) and producer is self._producer:
                log.warning("producer is replaced", why=type(error).__name__)
                self._retire(producer)
            raise

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                fresh = AIOKafkaProducer(**self._arguments)
                try:
                    await fresh.start()
                except BaseException:
                    await fresh.stop()
                    raise
                self._producer = fresh
            return self._producer

    def _retire(self, producer: AIOKafkaProducer) -> None:
        self._producer = None
        task = asyncio.create_task(producer.stop(), name="retired producer")
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)


@lru_cache(maxsize=_NUMBERS_REMEMBERED)
def partition_of(key: str, partitions: int) -> int:
    """Return a key's partition, as Java's default partitioner and every producer of the topics compute it."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)
