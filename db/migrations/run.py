"""Runs Alembic's versions on a connection of ours, in one transaction."""

import uuid
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

# Behind a pooler, others' statements may be left on the session, under the names that asyncpg counts up.
_THROUGH_POOLERS = {"statement_cache_size": 0, "prepared_statement_name_func": lambda: f"__{uuid.uuid4()}__"}
_FOLDER = Path(__file__).parent


async def run_scripts(dsn: str, newest: str, table: str) -> None:
    """Run the versions up to `newest` that the database lacks. `table`: where it says which one it has."""
    engine = create_async_engine(
        "postgresql+asyncpg://", connect_args={"dsn": dsn} | _THROUGH_POOLERS, poolclass=NullPool
    )
    try:
        async with engine.begin() as connection:
            await connection.execute(sa.text("SET LOCAL TIME ZONE 'UTC'"))
            await connection.run_sync(_upgrade, newest, table)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, newest: str, table: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = table
    command.upgrade(config, newest)
