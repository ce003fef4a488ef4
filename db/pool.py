"""Connections to Postgres."""

from collections.abc import Mapping
from typing import TypeAlias

import asyncpg
from pydantic_core import from_json, to_json

from schemas.errors import ConfigurationError
from schemas.settings import Settings

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

LOST_CONNECTION = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What a statement on a connection comes to that the server has just ended ("another operation is in progress").
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,  # starting, stopping, or this session was ended
    asyncpg.InsufficientResourcesError,  # too many connections, no memory, disk full
)
"""What asyncpg raises when Postgres is away for a while; the statement can be done again on another connection."""

POSTGRES_ERRORS = (*LOST_CONNECTION, asyncpg.PostgresError)
"""The same, and what Postgres itself refuses."""

# A step takes milliseconds; a statement that runs this long waits for a lock of a frozen process, and is done again.
_COMMAND_TIMEOUT_SECONDS = 10.0
_JSONB_VERSION = b"\x01"
# Under the 10 s in which an outage must show in health.
_CONNECT_TIMEOUT_SECONDS = 5.0


BY_INDEX = {"enable_seqscan": "off"}
"""Session settings of whoever only looks single rows up, all through indexes.

A plan is kept as long as its connection, and one made while a table was small reads it as a whole: the outbox, with what is
removed and not yet vacuumed, took five times as long to look at after two minutes under load.
"""


class _Stateless(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is untyped
    """A connection whose session nobody changes: no locks, cursors, listeners or settings outlive a transaction.

    So nothing needs to be put right when it goes back to the pool; asyncpg's statement for that doubled the round trips.
    """

    def get_reset_query(self) -> str:
        return ""


async def create_pool(settings: Settings, session: Mapping[str, str] | None = None) -> Pool:
    """Open the pool. JSONB comes and goes as Python values; timestamps are UTC. `session`: settings of each connection.

    Raises:
        ConfigurationError: DATABASE_URL is missing.
        OSError, asyncpg.PostgresError: Postgres does not answer, or refuses.
    """
    if settings.database_url is None:
        raise ConfigurationError("DATABASE_URL: not set; write it as postgresql://user:password@host:5432/name")
    return await asyncpg.create_pool(
        settings.database_url,
        min_size=1,
        max_size=settings.database_pool_size,
        connection_class=_Stateless,
        init=prepare,
        timeout=_CONNECT_TIMEOUT_SECONDS,
        command_timeout=_COMMAND_TIMEOUT_SECONDS,
        server_settings={"timezone": "UTC", "application_name": "whatsapp-microservice", **(session or {})},
    )


async def prepare(connection: "Connection | asyncpg.Connection[asyncpg.Record]") -> None:
    """Have JSONB come and go as Python values: in Postgres' binary form, which is its version and the UTF-8 of the text."""
    await connection.set_type_codec("jsonb", encoder=_dump, decoder=_load, schema="pg_catalog", format="binary")


def _dump(value: object) -> bytes:
    return _JSONB_VERSION + to_json(value)


def _load(data: bytes) -> object:
    return from_json(data[len(_JSONB_VERSION) :])
