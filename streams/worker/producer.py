"""The worker's own producer: events, dead letters and re-keyed records, each awaited until Kafka has it."""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from schemas.kafka import producer_arguments
from schemas.settings import Settings
from schemas.topics import LARGEST_RECORD, topic_name

Headers = Sequence[tuple[str, bytes]]

# Longer than a leader election, shorter than the drain at a rebalance.
_REQUEST_TIMEOUT_MS = 8_000


class Producer:
    """Idempotent, `acks=all`; topics by their bare names."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.topic_prefix
        self._producer = AIOKafkaProducer(
            **producer_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS, max_request_size=LARGEST_RECORD
        )

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Give a record to Kafka; returns when all in-sync replicas have it."""
        await self._producer.send_and_wait(topic_name(self._prefix, topic), value, key, headers=list(headers))

    async def send_marked(self, topic: str, records: Sequence[tuple[bytes, bytes, Headers]]) -> None:
        """Give many records (key, value, headers) to Kafka in their order and wait for all of them."""
        name = topic_name(self._prefix, topic)
        waiting = [await self._producer.send(name, value, key, headers=list(headers)) for key, value, headers in records]
        for acknowledged in waiting:
            await acknowledged
