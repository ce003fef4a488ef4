"""Postgres and Kafka for a command, or one line saying which is away; and whether the workers are stopped."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from clients.kafka.connection import DENIED, KafkaError, not_allowed
from clients.kafka.topics import live_members
from db.failures import MISCONFIGURED, PostgresError, UndefinedTableError
from db.pool import Pool
from process.postgres import open_pool
from schemas.errors import ConfigurationError, Unavailable
from schemas.settings import Settings, load_settings
from web.database import Database
from web.kafka_link import KafkaLink

# Kafka gives up a worker that died without a word after its session time-out of 6 s.
_GONE_SECONDS = 10.0
_LOOK_SECONDS = 0.5


async def still_running(settings: Settings, group: str) -> bool:
    """Return whether processes of a consumer group are running; one that has just ended is waited for."""
    end = time.monotonic() + _GONE_SECONDS
    while await live_members(settings, group):
        if time.monotonic() > end:
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False


@asynccontextmanager
async def postgres_and_kafka(settings: Settings) -> AsyncIterator[tuple[Database, KafkaLink]]:
    """Connect to both. At the end, connections that hang in Postgres are not waited for.

    Raises:
        ConfigurationError: an address is missing or wrong, or Kafka cannot be used as it is.
        Unavailable: one does not answer.
    """
    pool = await pool_of(settings)
    kafka = KafkaLink(settings)
    try:
        await kafka.keep()
        if kafka.problem:
            raise ConfigurationError(f"Kafka: {kafka.problem}")
        if not kafka.answers:
            raise Unavailable("Kafka does not answer; check KAFKA_BOOTSTRAP_SERVERS")
        yield Database(pool), kafka
    finally:
        await kafka.close()
        pool.terminate()


async def pool_of(settings: Settings) -> Pool:
    """Connect to Postgres; whoever typed a command hears at once that it is away.

    Raises:
        ConfigurationError: DATABASE_URL cannot be right, or the schema is newer than this build.
        Unavailable: Postgres does not answer, or the schema is missing or old.
    """
    return await open_pool(settings, waits=False)


@contextmanager
def outages_told(settings: Settings) -> Iterator[None]:
    """Turn what Postgres and Kafka raise in the middle of a command into its last line.

    Raises:
        ConfigurationError: they know us, and deny it; or they do not know us.
        Unavailable: one is away, or refuses for now.
    """
    try:
        yield
    except DENIED as error:
        raise ConfigurationError(not_allowed(settings, [str(error)])) from error
    except KafkaError as error:
        raise Unavailable(
            f"KAFKA_BOOTSTRAP_SERVERS: Kafka does not answer, or refuses: {type(error).__name__}"
        ) from error
    except UndefinedTableError as error:
        raise Unavailable("the database's schema is missing or old; run `migrate`") from error
    except PostgresError as error:
        if isinstance(error, MISCONFIGURED):
            raise ConfigurationError(f"DATABASE_URL: {error}") from error
        raise Unavailable(f"DATABASE_URL: Postgres refuses: {error}") from error
    except (ConnectionError, TimeoutError) as error:
        raise Unavailable(f"Postgres or Kafka does not answer any more: {type(error).__name__}") from error


def settings_beside(data_dir: Path) -> Settings:
    """Read the environment. If it names no database and an `up` is running, fill in what that `up` chose.

    Raises:
        ConfigurationError: see `load_settings`.
    """
    settings = load_settings()
    if settings.database_url is not None or (state := running_up(data_dir)) is None:
        return settings  # where none runs, the command itself says which variables are missing
    return load_settings(state["env"] | {name: value for name, value in os.environ.items() if value})


def running_up(data_dir: Path) -> dict[str, Any] | None:
    """Return what a folder's `up` says of itself, or None if none is running."""
    try:
        state: dict[str, Any] = json.loads((data_dir / "up.json").read_text())
        os.kill(state["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return state
