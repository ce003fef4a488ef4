"""A database fails over: sessions become read-only, a standby is promoted, a name leads elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from db.failures import is_postgres_away
from db.pool import create_pool, is_writable
from local.postgres.server import RunningPostgres, start_postgres
from schemas.settings import load_settings
from tests.support.deadline import eventually
from tests.support.postgres_pair import follow, make_read_only, promote
from tests.support.postgres_proxy import PostgresProxy, proxied
from web.notifications import Notifications

_BOUND_SECONDS = 15.0


@dataclass(frozen=True)
class Pair:
    primary: RunningPostgres
    standby: RunningPostgres
    name: PostgresProxy


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    primary = await start_postgres(tmp_path / "primary")
    try:
        standby = await follow(primary, tmp_path / "standby")
        try:
            async with proxied(primary.dsn) as name:
                yield Pair(primary, standby, name)
        finally:
            await standby.kill()
    finally:
        await primary.kill()


async def _demoted(pair: Pair) -> None:
    await make_read_only(pair.primary)


async def _killed(pair: Pair) -> None:
    await pair.primary.kill()


@pytest.mark.parametrize("ends", [_demoted, _killed])
async def test_all_of_a_pool_is_with_the_new_primary_in_time(pair: Pair, ends: object) -> None:
    pool = await create_pool(load_settings({}, database_url=pair.name.url), size=4)
    try:
        await pool.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY)")
        await _write_at_once(pool, range(4))  # so that each of its connections is open
        await ends(pair)  # type: ignore[operator]
        await promote(pair.standby)
        pair.name.lead_to(pair.standby.dsn)
        await eventually(lambda: _is_written(pool), seconds=_BOUND_SECONDS)
        found = await pool.fetchval("SELECT count(*) FROM kept WHERE number < 4")
        assert found == 4, "what was acknowledged is there"
        assert await pool.fetchval("SELECT pg_is_in_recovery()") is False
    finally:
        pool.terminate()


async def test_who_only_reads_notices_too(pair: Pair) -> None:
    pool = await create_pool(load_settings({}, database_url=pair.name.url), size=4)
    try:
        assert await is_writable(pool)
        await _demoted(pair)
        await promote(pair.standby)
        pair.name.lead_to(pair.standby.dsn)
        assert not await is_writable(pool)
        assert await is_writable(pool)
    finally:
        pool.terminate()


async def test_one_session_that_may_not_write_gives_up_all_of_its_pool(pair: Pair) -> None:
    pool = await create_pool(load_settings({}, database_url=pair.name.url), size=4)
    try:
        await pool.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY)")
        await _write_at_once(pool, range(4))
        await _demoted(pair)
        await promote(pair.standby)
        pair.name.lead_to(pair.standby.dsn)
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await pool.execute("INSERT INTO kept VALUES (5)")
        modes = await asyncio.gather(
            *(pool.fetchval("SELECT current_setting('transaction_read_only')") for _ in range(4))
        )
        assert modes == ["off"] * 4
    finally:
        pool.terminate()


async def test_notifications_are_listened_to_where_the_primary_is(pair: Pair) -> None:
    heard, changes = asyncio.Queue[str](), list[bool]()
    notifications = Notifications(pair.name.url, {"spool": heard.put_nowait}, changes.append)
    listening = asyncio.create_task(notifications.listen())
    try:
        await eventually(lambda: _are(changes, [True]))
        await _demoted(pair)
        await promote(pair.standby)
        pair.name.lead_to(pair.standby.dsn)
        await eventually(lambda: _are(changes, [True, False, True]), seconds=_BOUND_SECONDS)
        connection = await asyncpg.connect(pair.standby.dsn)
        await connection.execute("NOTIFY spool, 'x'")
        await connection.close()
        assert await heard.get() == "x"
    finally:
        listening.cancel()
        await asyncio.wait([listening])


async def _are(found: list[bool], wanted: list[bool]) -> bool:
    return found == wanted


async def _is_written(pool: "asyncpg.Pool[asyncpg.Record]") -> bool:
    try:
        await _write_at_once(pool, range(10, 14))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if not is_postgres_away(error):
            raise
        return False
    return True


async def _write_at_once(pool: "asyncpg.Pool[asyncpg.Record]", numbers: range) -> None:
    await asyncio.gather(*(_write(pool, number) for number in numbers))


async def _write(pool: "asyncpg.Pool[asyncpg.Record]", number: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO kept VALUES ($1) ON CONFLICT DO NOTHING", number)
        await connection.fetchval("SELECT pg_sleep(0.05)")
