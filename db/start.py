"""What a process does about Postgres when it starts: waits for the server and for the schema, for a bounded time."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_fixed

from db.pool import Pool, create_pool
from db.versions import VERSION_TABLE, known_versions
from schemas.errors import ConfigurationError, Unavailable
from schemas.settings import Settings

log = structlog.get_logger()
T = TypeVar("T")

_LOOK_SECONDS = 1.0
_IS_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
)
_CANNOT_BE_RIGHT = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    ValueError,  # how asyncpg reports a URL that cannot be read
)
_VERSION = f"SELECT version_num FROM {VERSION_TABLE}"


class _NotMigrated(Exception):
    """The schema is missing, or older than we are."""


async def open_pool(settings: Settings, session: Mapping[str, str] | None = None) -> Pool:
    """Connect to Postgres, waiting for it and for the schema. `session`: settings of Postgres' for each connection.

    Raises:
        ConfigurationError: DATABASE_URL cannot be right.
        Unavailable: Postgres, or the schema, was not there in time.
    """
    try:
        return await when_postgres_answers(settings, lambda: _open(settings, session))
    except _NotMigrated as error:
        raise Unavailable("the database's schema is missing or old; run `whatsapp-microservice migrate`") from error


async def when_postgres_answers(settings: Settings, work: Callable[[], Awaitable[T]]) -> T:
    """Do work that connects to Postgres; again and again for a while, as long as Postgres is away.

    Raises:
        ConfigurationError: DATABASE_URL cannot be right.
        Unavailable: Postgres was not there in time.
    """

    async def attempt() -> T:
        return await work()

    attempts = AsyncRetrying(
        retry=retry_if_exception_type((*_IS_AWAY, _NotMigrated)),
        stop=stop_after_delay(settings.start_wait_seconds), wait=wait_fixed(_LOOK_SECONDS), before_sleep=_say, reraise=True,
    )  # fmt: skip
    try:
        return await attempts(attempt)
    except _CANNOT_BE_RIGHT as error:
        raise ConfigurationError(f"DATABASE_URL: {error}") from error
    except _IS_AWAY as error:
        where = _address(settings.database_url or "")
        seconds = settings.start_wait_seconds
        raise Unavailable(f"DATABASE_URL: Postgres at {where} did not answer within {seconds:g} s") from error


async def _open(settings: Settings, session: Mapping[str, str] | None) -> Pool:
    pool = await create_pool(settings, session)
    if not await is_migrated(pool):
        await pool.close()
        raise _NotMigrated
    return pool


async def is_migrated(database: "Pool | asyncpg.Connection") -> bool:
    """Tell whether the schema is ours; a newer one is fine: migrations come before the processes that need them."""
    try:
        version = await database.fetchval(_VERSION)
    except asyncpg.UndefinedTableError:
        return False
    known = known_versions()
    return version is not None and (version == known[-1] or version not in known)


def _address(url: str) -> str:
    """Give what may be shown of a database's address: no user, no password."""
    return urlsplit(url).netloc.rpartition("@")[2] or "the local socket"


def _say(attempt: RetryCallState) -> None:
    error = attempt.outcome.exception() if attempt.outcome else None
    if isinstance(error, _NotMigrated):
        log.warning("the database has no schema yet, or an old one; waiting for `whatsapp-microservice migrate`")
    else:
        log.warning("Postgres does not answer yet", variable="DATABASE_URL", why=type(error).__name__)
