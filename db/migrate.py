"""Brings the schema up to date. Safe to repeat and to run twice at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from db.versions import VERSION_TABLE, known_versions
from schemas.errors import ConfigurationError

log = structlog.get_logger()

_FUNCTIONS = Path(__file__).parent / "sql" / "functions"
# Any constant will do, as long as nobody else in the database locks the same: "whatsapp" in ASCII, cut to 63 bits.
_LOCK = 0x7768617473617070


async def migrate(dsn: str) -> None:
    """Run what is missing, in one transaction, while holding a lock of the database.

    A schema that a newer build made is left as it is: after a rollback it serves this build as well as before.

    Raises:
        ConfigurationError: the role may not change the service's tables.
    """
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn))
    try:
        with _refused(), _unwrapped():
            await _migrate(engine)
    finally:
        await engine.dispose()


async def _migrate(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("SET LOCAL TIME ZONE 'UTC'"))
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if await connection.run_sync(_is_newer):
            log.warning("the database's schema is of a newer build and stays as it is")
            return
        await connection.run_sync(_upgrade)
        await _install_functions(connection)


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Give the driver's own error, which SQLAlchemy wraps twice."""
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


async def _install_functions(connection: AsyncConnection) -> None:
    """The steps of the journal are functions; they are replaced as a whole each time, so files and database agree."""
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None, "an open connection has a driver"
    for file in sorted(_FUNCTIONS.glob("*.sql")):
        await raw.execute(file.read_text())


def _is_newer(connection: Connection) -> bool:
    """Tell whether the schema has a version that this build does not know."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return False
    found = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE)))
    return found is not None and found not in known_versions()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
