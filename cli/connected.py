"""Postgres and Kafka for a command: both there, or one line that says which is not; and whether the workers are stopped."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clients.kafka.topics import live_members
from db.pool import POSTGRES_ERRORS, create_pool
from schemas.errors import Unavailable
from schemas.settings import Settings
from web.database import Database
from web.kafka_link import KafkaLink

# Kafka gives a worker that died without a word up after its session time-out of 6 s.
_GONE_SECONDS = 10.0
_LOOK_SECONDS = 0.5


async def still_running(settings: Settings, group: str) -> bool:
    """Return whether processes of a consumer group run on; one that has just ended is waited for."""
    end = time.monotonic() + _GONE_SECONDS
    while await live_members(settings, group):
        if time.monotonic() > end:
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False


@asynccontextmanager
async def postgres_and_kafka(settings: Settings) -> AsyncIterator[tuple[Database, KafkaLink]]:
    """Connect to both; what hangs in Postgres in the end is not waited for.

    Raises:
        ConfigurationError: an address is missing.
        Unavailable: one does not answer.
    """
    try:
        pool = await create_pool(settings)
    except POSTGRES_ERRORS as error:
        raise Unavailable("Postgres does not answer; check DATABASE_URL") from error
    kafka = KafkaLink(settings)
    try:
        await kafka.keep()
        if not kafka.answers:
            raise Unavailable("Kafka does not answer; check KAFKA_BOOTSTRAP_SERVERS")
        yield Database(pool), kafka
    finally:
        await kafka.close()
        pool.terminate()
