"""Publishes events to Kafka, or while it is away to the spool, where a key's later events queue behind."""

import asyncio
from typing import Protocol

import structlog

from schemas.errors import Unavailable
from schemas.phone import masked
from schemas.topics import MESSAGE_STATUS
from web.kafka_link import KafkaLink
from web.metrics import event_stored
from web.spool import Content, Spool
from web.spool_order import keys_beside

log = structlog.get_logger()

# How soon Kafka's return is noticed, and how long a lost notification of the spool matters.
_LOOK_EVERY_SECONDS = 1.0


class Publishing(Protocol):
    """What the routes need of a publisher."""

    async def publish(self, topic: str, key: str, value: bytes, request_id: str) -> None: ...


class Publisher:
    """`await publisher.publish(...)` returns when Kafka or Postgres has the event."""

    def __init__(self, kafka: KafkaLink, spool: Spool) -> None:
        self._kafka = kafka
        self._spool = spool

    @property
    def needs_postgres(self) -> bool:
        """Whether nothing is stored while Postgres is silent: it may hold earlier events of any key."""
        return self._spool.content is Content.SOME

    async def publish(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        """Store an event. Overlapping events of a key have no order; otherwise none overtakes an earlier one.

        Raises:
            Unavailable: neither Kafka nor Postgres took it, or Postgres may hold earlier ones and is silent.
        """
        try:
            to = await self._publish(topic, key, value, request_id)
        except Unavailable:
            event_stored(topic, "nowhere").inc()
            raise
        event_stored(topic, to).inc()
        # There are several reports per message, and hardly anybody asks about one.
        tell = log.debug if topic == MESSAGE_STATUS else log.info
        tell("event is stored", topic=topic, to=to, number=masked(key), request_id=request_id)

    async def _publish(self, topic: str, key: str, value: bytes, request_id: str) -> str:
        # While Kafka is known to be away nobody waits for it: `work` finds out when it is back.
        if self._kafka.answers and not await self._holds_earlier(topic, key, value):
            try:
                await self._kafka.send(topic, key, value, request_id)
                return "kafka"
            except Unavailable:
                log.warning("Kafka did not acknowledge an event in time, it goes to the spool", topic=topic)
        await self._spool.store(topic, key, value, request_id)
        return "spool"

    async def _holds_earlier(self, topic: str, key: str, value: bytes) -> bool:
        """Return whether the spool holds something that this may not overtake."""
        if self._spool.content is Content.EMPTY:
            return False
        return await self._spool.holds(key, keys_beside(topic, value))

    async def begin(self) -> None:
        """Learn what the spool holds, and whether Kafka answers, before anything is published.

        What former processes stored must not be overtaken if Postgres goes away next.

        Raises:
            Unavailable: Postgres does not answer.
        """
        await asyncio.gather(self._spool.look(), self._kafka.keep())

    async def work(self) -> None:
        """Keep Kafka connected and the spool empty, until cancelled."""
        while True:
            self._spool.filled.clear()
            await self._kafka.keep()
            await self._empty_spool()
            try:
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._spool.filled.wait()
            except TimeoutError:
                continue
            # Whatever sent the last event to the spool lasts at least for a moment.
            await asyncio.sleep(_LOOK_EVERY_SECONDS / 2)

    async def _empty_spool(self) -> None:
        try:
            await self._spool.look()
            while self._kafka.answers and self._spool.content is Content.SOME:
                if not await self._spool.publish(self._kafka.send, self._kafka.place_of):
                    return
                await self._spool.look()
        except Unavailable:
            return  # logged where it happened
