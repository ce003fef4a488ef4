"""Connections to Postgres."""

from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, TypeAlias, TypeVar

import asyncpg
from prometheus_client import Counter
from pydantic_core import from_json, to_json

from schemas.errors import ConfigurationError
from schemas.settings import Settings

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
"""A connection outside any pool."""

T = TypeVar("T")

LOST_CONNECTION = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # From a statement on a connection that the server has just ended ("another operation is in progress").
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,  # starting, stopping, or this session was ended
    asyncpg.InsufficientResourcesError,  # too many connections, no memory, disk full
)
"""What asyncpg raises while Postgres is away; the statement can be retried on another connection."""

POSTGRES_ERRORS = (*LOST_CONNECTION, asyncpg.PostgresError)
"""The same, and what Postgres itself refuses."""

CONNECT_ERRORS = (*POSTGRES_ERRORS, ValueError)
"""The same, and an address that cannot be read: what a first connection may raise."""

# A step takes milliseconds; a statement that takes this long waits for a frozen process's lock: retry it.
_COMMAND_TIMEOUT_SECONDS = 10.0
# A live server answers a cancellation at once; both together stay under the 15 s in which a failover is over.
_CANCEL_SECONDS = 1.0
_JSONB_VERSION = b"\x01"
CONNECT_TIMEOUT_SECONDS = 5.0
"""Less than the 10 s in which an outage must show in health."""
# Settings that poolers let through, too.
_SESSION = {"timezone": "UTC", "application_name": "whatsapp-microservice"}


BY_INDEX = {"enable_seqscan": "off"}
"""Session settings for whoever only looks up single rows, all through indexes.

A plan is kept as long as its connection, and one made while a table was small reads the whole table. With
many rows removed and not yet vacuumed, a look at it took five times as long after two minutes under load.
"""


_STATEMENTS = Counter("whatsapp_postgres_statements", "Statements that were sent to Postgres.")


class _Stateless(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is untyped
    """A connection whose session nobody changes: no lock, cursor, listener or setting outlives a transaction.

    So nothing is reset when it goes back to the pool; asyncpg's statement for that doubled the round trips.
    """

    def get_reset_query(self) -> str:
        return ""

    async def execute(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - asyncpg is untyped
        return await self._of_primary(super().execute(*args, **options))

    async def _execute(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        _STATEMENTS.inc()
        return await self._of_primary(super()._execute(*args, **options))

    async def _of_primary(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except asyncpg.ReadOnlySQLTransactionError:
            # It outlived a failover and leads to what is now a standby; a new one leads to the primary. The
            # others lead to the standby too, and would go on reading there.
            await self._give_up()
            raise
        except TimeoutError:
            if not await self._is_there():
                await self._give_up()
            raise

    async def _is_there(self) -> bool:
        """Return whether the server says anything at all.

        One that is gone with its machine neither answers nor closes a connection, and asyncpg would wait for
        its cancellation as long as for a statement.
        """
        try:
            await super().execute("SELECT 1", timeout=_CANCEL_SECONDS)
        except (OSError, TimeoutError, asyncpg.InterfaceError):
            return False
        except asyncpg.PostgresError:  # from a transaction that has failed
            return True
        return True

    async def _give_up(self) -> None:
        self.terminate()
        await self.others_are_stale()

    async def others_are_stale(self) -> None:
        """Have all connections of the pool made anew; set by `create_pool`."""


class _Pooled(_Stateless):
    """A connection through a transaction pooler such as PgBouncer, where a transaction may get any session.

    asyncpg sends a statement in two parts, which only a transaction of its own keeps on one session.
    """

    async def _execute(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - asyncpg is untyped
        async with self._kept():
            return await super()._execute(*args, **options)

    async def _executemany(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        async with self._kept():
            return await super()._executemany(*args, **options)

    def _kept(self) -> AbstractAsyncContextManager[object]:
        return nullcontext() if self.is_in_transaction() else self.transaction()


async def create_pool(
    settings: Settings, session: Mapping[str, str] | None = None, size: int | None = None
) -> Pool:
    """Open the pool. JSONB is read and written as Python values; timestamps are UTC.

    Args:
        session: settings that make each connection faster; left out behind a pooler, which refuses them.
        size: how many connections there are at most; None: DATABASE_POOL_SIZE.

    Raises:
        ConfigurationError: DATABASE_URL is missing.
        OSError, asyncpg.PostgresError: Postgres does not answer, or refuses.
    """
    if settings.database_url is None:
        raise ConfigurationError(
            "DATABASE_URL: not set; write it as postgresql://user:password@host:5432/name"
        )
    pooled = await behind_pooler(settings.database_url)
    kind, made = _Pooled if pooled else _Stateless, list[Pool]()

    async def expire(connection: object) -> None:
        for pool in made:
            await pool.expire_connections()

    pool = await asyncpg.create_pool(
        settings.database_url,
        min_size=1,
        max_size=size or settings.database_pool_size,
        init=prepare,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=_COMMAND_TIMEOUT_SECONDS,
        server_settings=_SESSION if pooled else {**_SESSION, **(session or {})},
        **(
            (_POOLED if pooled else {})
            | {"connection_class": type(kind.__name__, (kind,), {"others_are_stale": expire})}
        ),
    )
    made.append(pool)
    return pool


async def is_writable(pool: Pool) -> bool:
    """Return whether Postgres accepts writes.

    Connections to a standby, as after a failover, are given up: whoever only reads would never notice.
    """
    if await pool.fetchval("SELECT current_setting('transaction_read_only')") == "off":
        return True
    await pool.expire_connections()
    return False


async def connect(dsn: str, timeout: float = CONNECT_TIMEOUT_SECONDS) -> Session:
    """Open a single connection, which works through a transaction pooler as well.

    Raises:
        OSError, asyncpg.PostgresError: Postgres does not answer, or refuses.
    """
    connection = await asyncpg.connect(dsn, timeout=timeout, server_settings=_SESSION, **_POOLED)
    await prepare(connection)
    return connection


async def connect_directly(dsn: str, timeout: float = CONNECT_TIMEOUT_SECONDS) -> Session:
    """Open a plain session, for whoever listens or only asks whether somebody answers.

    Raises:
        OSError, asyncpg.PostgresError: Postgres does not answer, or refuses.
    """
    return await asyncpg.connect(dsn, timeout=timeout)


async def behind_pooler(dsn: str) -> bool:
    """Return whether a URL leads to a pooler, which tells clients other process ids than their sessions have.

    Raises:
        OSError, asyncpg.PostgresError: Postgres does not answer, or refuses.
    """
    connection = await connect(dsn)
    try:
        pid: int = await connection.fetchval("SELECT pg_backend_pid()", timeout=CONNECT_TIMEOUT_SECONDS)
        return bool(pid != connection.get_server_pid())
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)


# A statement's name is known to one session only.
_POOLED: Final = {"connection_class": _Pooled, "statement_cache_size": 0}


async def prepare(connection: "Connection | Session") -> None:
    """Read and write JSONB as Python values, in Postgres' binary form: its version and the text in UTF-8."""
    await connection.set_type_codec(
        "jsonb", encoder=_dump, decoder=_load, schema="pg_catalog", format="binary"
    )


def _dump(value: object) -> bytes:
    return _JSONB_VERSION + to_json(value)


def _load(data: bytes) -> object:
    return from_json(data[len(_JSONB_VERSION) :])
