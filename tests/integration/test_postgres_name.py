"""A Postgres name leads to another address after a failover: each new connection resolves it anew."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from db.failures import is_postgres_away
from db.pool import Pool, create_pool
from local.postgres.server import RunningPostgres, start_postgres
from schemas.errors import Unavailable
from schemas.settings import load_settings
from tests.support.deadline import eventually
from tests.support.postgres_pair import follow, make_read_only, promote
from tests.support.postgres_proxy import PostgresProxy, at_address, proxied
from web.database import Database
from web.notifications import Notifications

_BOUND_SECONDS = 15.0
# No server of names anywhere knows it (RFC 6761).
_NAME = "primary.invalid"
_FIRST, _SECOND = "127.0.0.1", "127.0.0.2"
_CONNECTIONS = 4


@dataclass
class Resolver:
    """Resolves our name to what it leads to at the moment; all other names are resolved as always."""

    address: str = _FIRST
    others: Callable[..., Any] = field(repr=False, default=socket.getaddrinfo)

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:  # noqa: ANN401 - the loop's own
        return await self.others(self.address if host == _NAME else host, port, **options)


@dataclass(frozen=True)
class Pair:
    """Two servers on the same port of two addresses. `first`: the way to the primary."""

    primary: RunningPostgres
    standby: RunningPostgres
    first: PostgresProxy
    names: Resolver
    url: str


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """The loop's resolver: whoever connects by a name asks it."""
    loop = asyncio.get_running_loop()
    resolver = Resolver(others=loop.getaddrinfo)
    monkeypatch.setattr(loop, "getaddrinfo", resolver.getaddrinfo)
    return resolver


@pytest.fixture
async def pair(tmp_path: Path, names: Resolver) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as servers:
        primary = await start_postgres(tmp_path / "primary")
        servers.push_async_callback(primary.kill)
        standby = await follow(primary, tmp_path / "standby")
        servers.push_async_callback(standby.kill)
        first = await servers.enter_async_context(proxied(primary.dsn, _FIRST))
        port = urlsplit(first.url).port
        assert port is not None
        await servers.enter_async_context(proxied(standby.dsn, _SECOND, port))
        yield Pair(primary, standby, first, names, at_address(primary.dsn, _NAME, port))


async def demoted(pair: Pair) -> None:
    await make_read_only(pair.primary)


async def dead(pair: Pair) -> None:
    await pair.primary.kill()


async def gone(pair: Pair) -> None:
    """Its machine: nothing tells those who are connected."""
    pair.first.vanish()
    await pair.primary.kill()


@pytest.mark.parametrize("ends", [demoted, dead, gone])
async def test_whoever_writes_reads_or_listens_is_where_the_name_leads_in_time(
    pair: Pair, ends: Callable[[Pair], Any]
) -> None:
    settings, changes = load_settings({}, database_url=pair.url), list[bool]()
    writing, reading = (
        await create_pool(settings, size=_CONNECTIONS),
        await create_pool(settings, size=_CONNECTIONS),
    )
    notifications = Notifications(pair.url, {"spool": lambda _: None}, changes.append)
    listening = asyncio.create_task(notifications.listen())
    try:
        await writing.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY)")
        await write_at_once(writing)
        assert await reads_of_the_primary(Database(reading))
        await eventually(lambda: are(changes, [True]))
        await ends(pair)
        await promote(pair.standby)
        pair.names.address = _SECOND
        await asyncio.gather(
            eventually(lambda: is_written(writing), _BOUND_SECONDS),
            eventually(lambda: reads_of_the_primary(Database(reading)), _BOUND_SECONDS),
            eventually(lambda: are(changes[-2:], [False, True]), _BOUND_SECONDS),
        )
        assert await connections(pair.standby) >= _CONNECTIONS, "none is left where the name led before"
    finally:
        listening.cancel()
        await asyncio.wait([listening])
        writing.terminate()
        reading.terminate()


async def are(found: list[bool], wanted: list[bool]) -> bool:
    return found == wanted


async def connections(server: RunningPostgres) -> int:
    """Return how many of the pool's are at a server."""
    connection = await asyncpg.connect(server.dsn)
    try:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'whatsapp-microservice'"
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


async def reads_of_the_primary(database: Database) -> bool:
    try:
        return await database.is_writable()
    except Unavailable:
        return False


async def is_written(pool: Pool) -> bool:
    try:
        await write_at_once(pool)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if not is_postgres_away(error):
            raise
        return False
    return True


async def write_at_once(pool: Pool) -> None:
    """Write over each of the pool's connections."""
    await asyncio.gather(*(_write(pool, number) for number in range(_CONNECTIONS)))


async def _write(pool: Pool, number: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO kept VALUES ($1) ON CONFLICT DO NOTHING", number)
        await connection.fetchval("SELECT pg_sleep(0.05)")
