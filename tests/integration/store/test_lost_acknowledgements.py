"""Connections that end at the worst moment: what was committed counts once, what was not is written."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from db.pool import Pool, create_pool
from db.store.append import append
from db.store.ownership import claim
from db.store.session import SESSION
from db.store.write import Conflict, Fenced, Written
from schemas.rows import Erasure
from schemas.settings import load_settings
from tests.support.deadline import eventually
from tests.support.person import AT, Person
from tests.support.postgres_proxy import PostgresProxy, proxied

_WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    async with proxied(database_url) as proxy:
        yield proxy


@pytest.fixture
async def way(proxy: PostgresProxy) -> AsyncIterator[Pool]:
    """Connections through the proxy."""
    pool = await create_pool(load_settings({}, database_url=proxy.url, database_pool_size=2), SESSION)
    yield pool
    await pool.close()


async def counts(pool: Pool, ana: Person) -> tuple[int, int, int]:
    """Return version, events and messages."""
    found = await pool.fetchrow(
        "SELECT (SELECT version FROM conversation_actor WHERE phone_number = $1), "
        "(SELECT count(*) FROM conversation_log), (SELECT count(*) FROM conversation_messages)",
        ana.phone,
    )
    assert found is not None
    return found[0], found[1], found[2]


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_commit_whose_acknowledgement_is_lost_counts_once(
    pool: Pool, way: Pool, proxy: PostgresProxy, ana: Person, is_new: bool
) -> None:
    if not is_new:
        await ana.append(way, ana.begins())
    write = ana.write(ana.begins(), ana.message(1), ana.seen("SM1"))
    await _prepared(way, ana)
    proxy.lose_next_answers()
    assert await append(way, [write]) == [Written(version=ana.version + 1)]
    assert await counts(pool, ana) == (ana.version + 1, ana.number + 1, 1)


async def _prepared(way: Pool, like: Person) -> None:
    """Have the statement prepared, so that the next answer is that of its execution."""
    other = Person(phone="+573000000099", id=99, version=like.version)
    refused = other.write(other.begins(), other.message(99), other.seen("SM99"), epoch=7)
    assert await append(way, [refused]) == [Fenced(epoch=1)]


async def test_of_a_group_each_is_told_what_became_of_it(
    pool: Pool, way: Pool, proxy: PostgresProxy, ana: Person, luis: Person
) -> None:
    await ana.append(way, ana.begins())
    await luis.append(way, luis.begins())
    good, stale = ana.write(), luis.write(version=5)
    assert await append(way, [stale]) == [Conflict(reason="version", version=1, row_id=2)]
    proxy.lose_next_answers()
    assert await append(way, [stale, good]) == [
        Conflict(reason="version", version=1, row_id=2),
        Written(version=2),
    ]
    assert await counts(pool, ana) == (2, 3, 0)


async def test_a_write_on_top_of_a_lost_one_is_told_from_it(pool: Pool, way: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins())
    lost = ana.write(ana.message(1))
    assert await append(pool, [lost]) == [Written(version=2)]
    await append(pool, [ana.write(ana.message(2), version=2, log=())])
    assert await append(way, [lost]) == [Conflict(reason="version", version=3, row_id=1)]


async def test_a_removal_whose_acknowledgement_is_lost_counts(
    pool: Pool, way: Pool, proxy: PostgresProxy, ana: Person
) -> None:
    await ana.append(way, ana.begins())
    gone = ana.write(Erasure(conversation_id=1, phone_number=ana.phone, at=AT), state=None)
    assert await append(way, [ana.write(*gone.changes, state=None, epoch=9)]) == [Fenced(epoch=1)]
    proxy.lose_next_answers()
    assert await append(way, [gone]) == [Written(version=0)]
    assert await pool.fetchval("SELECT count(*) FROM conversation_actor") == 0


async def test_a_lost_one_counts_even_where_the_partition_is_another_owners_by_now(
    pool: Pool, ana: Person
) -> None:
    await ana.append(pool, ana.begins())
    lost = ana.write()
    assert await append(pool, [lost]) == [Written(version=2)]
    await claim(pool, {0}, "other")
    assert await append(pool, [lost]) == [Written(version=2)]
    assert await append(pool, [ana.write(version=2)]) == [Fenced(epoch=2)]


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_try_that_still_runs_when_the_next_begins_counts_once(
    pool: Pool, way: Pool, proxy: PostgresProxy, ana: Person, luis: Person, is_new: bool
) -> None:
    """The first try waits for a row when its connection ends; the second comes while it waits."""
    await luis.append(pool, luis.begins())
    if not is_new:
        await ana.append(way, ana.begins())
    writes = [ana.write(ana.begins(), ana.seen("SM1")), luis.write(luis.changes(status="closed"))]
    async with pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT 1 FROM conversation_state WHERE id = 2 FOR UPDATE")
        appending = asyncio.create_task(append(way, writes))
        await eventually(lambda: pool.fetchval(_WAITING))
        proxy.cut()
        waiters = "SELECT count(*) > 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        await eventually(lambda: pool.fetchval(waiters))
    assert await appending == [Written(version=ana.version + 1), Written(version=2)]
    assert (await counts(pool, ana))[:2] == (ana.version + 1, 3 + (not is_new))


async def test_sessions_that_postgres_ends_are_no_failure(pool: Pool, way: Pool, ana: Person) -> None:
    await ana.append(way, ana.begins())
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await pool.execute(f"SELECT pg_terminate_backend(pid) {others}")
    await ana.append(way)
    assert await counts(pool, ana) == (2, 2, 0)


async def test_a_closed_pool_ends_the_tries(database_url: str, ana: Person) -> None:
    pool = await create_pool(load_settings({}, database_url=database_url), SESSION)
    await pool.close()
    with pytest.raises(Exception, match="pool is clos"):
        await append(pool, [ana.write()])
