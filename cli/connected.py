"""Postgres and Kafka for a command, or one line saying which is away; and whether the workers are stopped."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from clients.kafka.topics import live_members
from db.pool import POSTGRES_ERRORS, create_pool
from schemas.errors import Unavailable
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


def settings_beside(data_dir: Path) -> Settings:
    """Read the environment. If it names no database and an `up` is running, fill in what that `up` chose.

    Raises:
        ConfigurationError: see `load_settings`.
    """
    settings = load_settings()
    if settings.database_url is not None or (state := running_up(data_dir)) is None:
        return settings  # where none runs, the command itself says which variables are missing
    return load_settings({**state["env"], **os.environ})


def running_up(data_dir: Path) -> dict[str, Any] | None:
    """Return what a folder's `up` says of itself, or None if none is running."""
    try:
        state: dict[str, Any] = json.loads((data_dir / "up.json").read_text())
        os.kill(state["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return state
