"""Migrates the schema. Safe to repeat and to run twice at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import asyncpg
import structlog
from asyncpg.transaction import Transaction
from sqlalchemy.exc import DBAPIError
from tenacity import AsyncRetrying, retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from db.migrations.run import run_scripts
from db.pool import connect
from db.upgrade.fence import Sleep, fence
from db.upgrade.move import move
from db.upgrade.values import Upgrade
from db.versions import FORMER_TABLE, KNOWN, LAST_OF_FUNCTIONS, NEWEST, VERSION_TABLE
from schemas.errors import ConfigurationError

log = structlog.get_logger()

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Any constant that nobody else in the database locks will do: "whatsapp" in ASCII, cut to 63 bits.
_LOCK = 0x7768617473617070
# Whoever still writes to tables that we lock as a whole may hold another one that we want; then we try again.
_TRIES = 5
# Nobody notices; a migration of an empty database takes a second.
_LOOK_AGAIN_SECONDS = 0.2


class _Busy(Exception):
    """Somebody else is migrating."""


async def migrate(dsn: str, upgrade: Upgrade | None = None, *, sleep: Sleep = asyncio.sleep) -> None:
    """Run what is missing under a lock in the database. Each step is a transaction and can be repeated.

    A schema that a newer build made is left as it is.

    Args:
        upgrade: what becomes of conversations of the builds before 0024; None: there are none.
        sleep: waits the given seconds for what such a build has under way.

    Raises:
        ConfigurationError: the role may not change our tables, or somebody else's view needs a former one.
        ServiceError: a conversation of a former build cannot be moved; everything is as it was.
    """
    with _refused(), _unwrapped():
        async with _alone(dsn) as connection:
            if await _is_newer(connection):
                log.warning("the database's schema is of a newer build and stays as it is")
                return
            if not await _has_table(connection, VERSION_TABLE):
                await run_scripts(dsn, LAST_OF_FUNCTIONS, FORMER_TABLE)
                await _leave_functions(connection, upgrade, sleep)
            await run_scripts(dsn, NEWEST, VERSION_TABLE)


@asynccontextmanager
async def _alone(dsn: str) -> AsyncIterator[Connection]:
    """Hold the lock in a transaction of its own: a pooler would give a session's lock away."""
    lock, connection = await connect(dsn), await connect(dsn)
    try:
        transaction = await _locked(lock)
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()
        await lock.close()


@retry(retry=retry_if_exception_type(_Busy), wait=wait_fixed(_LOOK_AGAIN_SECONDS))
async def _locked(connection: Connection) -> Transaction:
    """Wait for the lock without holding a pooler's session: whoever has the lock may need that session."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    if await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
        return transaction
    await transaction.rollback()
    raise _Busy


async def _leave_functions(connection: Connection, upgrade: Upgrade | None, sleep: Sleep) -> None:
    """Move the rows of a build whose rules were functions of Postgres."""
    await fence(connection, sleep)
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(asyncpg.DeadlockDetectedError),
        stop=stop_after_attempt(_TRIES),
        reraise=True,
    ):
        with attempt:
            async with connection.transaction():
                await move(connection, upgrade)


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Raise the driver's own error, which SQLAlchemy wraps twice."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(driver := getattr(error.orig, "__cause__", None), asyncpg.PostgresError):
            raise driver from error
        raise


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationError(
            f"DATABASE_URL: its role may not change the service's tables ({error}); "
            "run `migrate` as the role that owns them"
        ) from error
    except asyncpg.DependentObjectsStillExistError as error:
        raise ConfigurationError(
            f"DATABASE_URL: something that is not the service's needs what is dropped ({error.detail}); "
            "nothing was moved: drop it, and run `migrate` again"
        ) from error


async def _is_newer(connection: Connection) -> bool:
    """Return whether the schema has a version that this build does not know."""
    for table in (VERSION_TABLE, FORMER_TABLE):
        if await _has_table(connection, table):
            found = await connection.fetchval(f"SELECT version_num FROM {table}")
            return found is not None and found not in KNOWN
    return False


async def _has_table(connection: Connection, name: str) -> bool:
    """Return whether there is such a table; a view does not count."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass($1) AND relkind = 'r')", name
    )
    return found
