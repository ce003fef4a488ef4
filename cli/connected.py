"""Postgres and Kafka for a command that works as `web` does: both there, or one line that says which is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from db.pool import POSTGRES_ERRORS, create_pool
from schemas.errors import Unavailable
from schemas.settings import Settings
from web.database import Database
from web.kafka_link import KafkaLink


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
