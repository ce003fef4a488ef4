"""What a process does about Postgres when it starts: wait for it and for its schema, for a bounded time."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import structlog

from db.failures import MISCONFIGURED, UNAVAILABLE
from db.pool import Pool, connect_directly, create_pool
from db.versions import NEWEST, schema_version
from process.waiting import wait_for
from schemas.errors import ConfigurationError, Unavailable
from schemas.settings import Settings

log = structlog.get_logger()
T = TypeVar("T")

# A database that answers does so within a few milliseconds.
_ANSWER_SECONDS = 4.0


class _NotMigrated(Exception):
    """The schema is missing, or older than this build."""


async def open_pool(
    settings: Settings, session: Mapping[str, str] | None = None, *, waits: bool = True
) -> Pool:
    """Connect to Postgres, waiting for it and the schema. `session`: Postgres settings for each connection.

    `waits`: false for a command, whose user would rather hear at once that it is away.

    Raises:
        ConfigurationError: DATABASE_URL cannot be right, or the schema is newer than this build.
        Unavailable: Postgres, or the schema, was not there in time.
    """
    if unused := settings.unused_database_parameters:
        log.warning("DATABASE_URL has parameters that are not used", parameters=unused)
    try:
        seconds = settings.start_wait_seconds if waits else 0.0
        return await when_postgres_answers(settings, lambda: _open(settings, session), seconds)
    except _NotMigrated as error:
        raise Unavailable(
            "the database's schema is missing or old; run `whatsapp-microservice migrate`"
        ) from error


async def postgres_answers(settings: Settings) -> bool:
    """Return whether Postgres answers, asked over a separate connection."""
    try:
        connection = await connect_directly(settings.database_url or "", _ANSWER_SECONDS)
        try:
            await connection.execute("SELECT 1", timeout=_ANSWER_SECONDS)
        finally:
            connection.terminate()
    except (*UNAVAILABLE, *MISCONFIGURED):
        return False
    return True


async def when_postgres_answers(
    settings: Settings, work: Callable[[], Awaitable[T]], seconds: float | None = None
) -> T:
    """Run work that connects to Postgres; retry for `seconds` (START_WAIT_SECONDS), as long as it is away.

    Raises:
        ConfigurationError: DATABASE_URL cannot be right.
        Unavailable: Postgres was not there in time.
    """
    seconds = settings.start_wait_seconds if seconds is None else seconds
    try:
        return await wait_for(work, seconds=seconds, away=(*UNAVAILABLE, _NotMigrated), say=_say)
    except MISCONFIGURED as error:
        raise ConfigurationError(f"DATABASE_URL: {error}") from error
    except UNAVAILABLE as error:
        where = _address(settings.database_url or "")
        within = f" within {seconds:g} s" if seconds else ""
        raise Unavailable(f"DATABASE_URL: Postgres at {where} did not answer{within}") from error


async def _open(settings: Settings, session: Mapping[str, str] | None) -> Pool:
    pool = await create_pool(settings, session)
    try:
        found, version = await schema_version(pool)
        if found == "older":
            raise _NotMigrated
        if found == "newer":
            raise ConfigurationError(
                f"DATABASE_URL: the schema has version {version}, this build knows {NEWEST}; "
                "start the newer build"
            )
    except BaseException:
        await pool.close()
        raise
    return pool


def _address(url: str) -> str:
    """Return what may be shown of a database's address: no user, no password."""
    return urlsplit(url).netloc.rpartition("@")[2] or "the local socket"


def _say(error: BaseException | None) -> None:
    if isinstance(error, _NotMigrated):
        log.warning(
            "the database has no schema yet, or an old one; waiting for `whatsapp-microservice migrate`"
        )
    else:
        log.warning("Postgres does not answer yet", variable="DATABASE_URL", why=type(error).__name__)
