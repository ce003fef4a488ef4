"""The worker's own producer: events, dead letters and re-keyed records, each awaited until Kafka has it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from clients.kafka.connection import REQUEST_TIMEOUT_MS, ends_a_producer, producer_arguments
from schemas.settings import Settings
from schemas.topics import LARGEST_RECORD, topic_name

log = structlog.get_logger()

Headers = Sequence[tuple[str, bytes]]


class Producer:
    """Idempotent, `acks=all`; topics by their bare names. One that an error has ended is replaced: who sent tries again.

    What the former one still brings to Kafka is then a repetition, and the events' numbers make it harmless.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = self._new()
        self._replacing = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        *,
        partition: int | None = None,
    ) -> None:
        """Publish a record; return when all in-sync replicas have it. `partition`: not given, where its key lies.

        Raises:
            KafkaError: not known to have been stored; it may still be.
        """
        async with self._current() as producer:
            name = topic_name(self._settings.topic_prefix, topic)
            await producer.send_and_wait(name, value, key, partition, headers=list(headers))

    async def send_marked(self, topic: str, records: Sequence[tuple[bytes, bytes, Headers]]) -> None:
        """Publish many records (key, value, headers) in their order and wait for all of them; see `send`."""
        name = topic_name(self._settings.topic_prefix, topic)
        async with self._current() as producer:
            waiting = [await producer.send(name, value, key, headers=list(headers)) for key, value, headers in records]
            ends = await asyncio.gather(*waiting, return_exceptions=True)
            if failed := next((end for end in ends if isinstance(end, BaseException)), None):
                raise failed

    def _new(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **producer_arguments(self._settings), request_timeout_ms=REQUEST_TIMEOUT_MS, max_request_size=LARGEST_RECORD
        )

    @asynccontextmanager
    async def _current(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = self._producer
        try:
            yield producer
        except KafkaError as error:
            if ends_a_producer(error):
                await self._replace(producer, error)
            raise

    async def _replace(self, broken: AIOKafkaProducer, error: KafkaError) -> None:
        """Have a new one in the place of a broken one; all whom it failed come here, and the first does it."""
        async with self._replacing:
            if broken is not self._producer:
                return
            fresh = self._new()
            try:
                await fresh.start()
            except BaseException:
                await fresh.stop()
                raise
            log.warning("producer is replaced", why=type(error).__name__)
            self._producer = fresh
        task = asyncio.create_task(broken.stop(), name="retired producer")
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)
