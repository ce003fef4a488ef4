"""Publishes events to Kafka; while Kafka does not answer, keeps them in Postgres and publishes them in order later.

Per key, an event never overtakes an earlier one: while a key has events in the spool, new ones queue behind them,
whichever web process they reach. The remaining window: two events of one key that reach two processes at the same
moment as Kafka fails have no order, because neither was acknowledged before the other came.
"""

import asyncio

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from db.pool import Pool
from db.queries import load
from schemas.errors import Unavailable
from schemas.kafka import connection_arguments
from schemas.settings import Settings
from schemas.topics import REQUEST_ID_HEADER, topic_name

log = structlog.get_logger()
_sql = load("gateway")

# Twilio gives up after 15 s and the backend after 10 s; what remains is for Postgres.
_PUBLISH_SECONDS = 3.0
_SPOOL_SECONDS = 3.0
# How soon a process learns that another one spooled; also how soon the spool is tried again.
_LOOK_EVERY_SECONDS = 0.5
_PASS = 200
_LOCK = 0x73706F6F6C  # "spool": one process at a time publishes it

_POSTGRES_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Publisher:
    """`await publisher.publish(...)` returns when Kafka or Postgres has the event."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._prefix = settings.topic_prefix
        self._pool = pool
        self._arguments = connection_arguments(settings)
        self._producer: AIOKafkaProducer | None = None
        self._spool_in_use = True  # until a look says otherwise
        self.kafka_answers = False

    async def publish(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        """Store one event.

        Raises:
            Unavailable: neither Kafka nor Postgres took it.
        """
        if self._spool_in_use and await self._is_spooled(key):
            return await self._spool(topic, key, value, request_id)
        try:
            await self._send(topic, key, value, request_id)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("Kafka does not answer, the event goes to the spool", topic=topic, why=type(error).__name__)
            self.kafka_answers = False
            await self._spool(topic, key, value, request_id)

    async def work(self) -> None:
        """Keep the producer connected and the spool empty, until cancelled."""
        while True:
            try:
                await self._connect()
                await self._publish_spool()
            except (KafkaError, *_POSTGRES_AWAY) as error:
                self.kafka_answers = self.kafka_answers and not isinstance(error, KafkaError)
                log.warning("spool is tried again", why=type(error).__name__)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def _connect(self) -> None:
        if self._producer is None:
            # Kafka's own time-out is ours: an event given up must not be delivered behind later ones.
            options = {"acks": "all", "enable_idempotence": True, "request_timeout_ms": int(_PUBLISH_SECONDS * 1000)}
            producer = AIOKafkaProducer(**self._arguments, **options)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
            self.kafka_answers = True

    async def _send(self, topic: str, key: str, value: bytes, request_id: str | None) -> None:
        if self._producer is None:
            raise TimeoutError("no connection to Kafka yet")
        headers = [(REQUEST_ID_HEADER, request_id.encode())] if request_id else []
        async with asyncio.timeout(_PUBLISH_SECONDS):
            await self._producer.send_and_wait(topic_name(self._prefix, topic), value, key.encode(), headers=headers)
        self.kafka_answers = True

    async def _is_spooled(self, key: str) -> bool:
        try:
            return bool(await self._pool.fetchval(_sql.spooled, key, timeout=_SPOOL_SECONDS))
        except _POSTGRES_AWAY:
            return False

    async def _spool(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        try:
            await self._pool.execute(_sql.spool, topic, key, value, request_id, timeout=_SPOOL_SECONDS)
        except _POSTGRES_AWAY as error:
            raise Unavailable("neither Kafka nor Postgres answers") from error
        self._spool_in_use = True

    async def _publish_spool(self) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
                return
            rows = await connection.fetch(_sql.spool_head, _PASS)
            for row in rows:
                await self._send(row["topic"], row["key"], row["value"], row["request_id"])
            await connection.execute(_sql.unspool, [row["id"] for row in rows])
            self._spool_in_use = bool(rows)
        if rows:
            log.info("spooled events were published", events=len(rows))
