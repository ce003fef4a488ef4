"""Everything through PgBouncer in transaction mode, with fewer sessions than connections."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from db.migrate import migrate
from db.pool import behind_pooler, connect, create_pool
from db.versions import schema_version
from schemas.settings import load_settings
from tests.support.actor_worker import ActorWorker, Backend
from tests.support.gateway import AUTH
from tests.support.gateway import call as call_of
from tests.support.pgbouncer import needs_pgbouncer, pgbouncer
from tests.support.said import until_said
from tests.support.simulators import Simulator
from tests.support.web_process import running_web

pytestmark = needs_pgbouncer
_NUMBER = "+573138539155"


@pytest.fixture
def database_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """The test's database through a pooler."""
    with pgbouncer(database_url, tmp_path) as url:
        yield url


async def test_it_is_told_from_postgres_itself(database_url: str, empty_database_url: str) -> None:
    assert await behind_pooler(database_url)
    assert not await behind_pooler(empty_database_url)


async def test_statements_of_many_at_once_find_their_way(database_url: str) -> None:
    pool = await create_pool(load_settings({}, database_url=database_url), {"enable_seqscan": "off"})

    async def ask(place: int) -> tuple[int, object]:
        value: object = await pool.fetchval("SELECT $1::jsonb", {"place": place})
        return await pool.fetchval("SELECT $1::int + 1", place), value

    found = await asyncio.gather(*(ask(place) for place in range(200)))
    assert found == [(place + 1, {"place": place}) for place in range(200)]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("CREATE TEMP TABLE kept (place int) ON COMMIT DROP")
        await connection.executemany("INSERT INTO kept VALUES ($1)", [(place,) for place in range(10)])
        assert await connection.fetchval("SELECT sum(place) FROM kept") == sum(range(10))
    await pool.close()


async def test_the_schema_is_made_through_it_twice_at_once(empty_database_url: str, tmp_path: Path) -> None:
    with pgbouncer(empty_database_url, tmp_path) as url:
        await asyncio.gather(migrate(url), migrate(url))
        connection = await connect(url)
        assert (await schema_version(connection))[0] == "ours"
        await connection.close()


async def test_a_call_and_a_chat_through_it(
    workers: list[ActorWorker], backend: Backend, twilio: Simulator
) -> None:
    await workers[0].start()
    await workers[0].ready()
    await backend.call(_NUMBER, "conv_1")
    await until_said(twilio, "Hola Ana")
    await backend.write(_NUMBER, "¿Cuánto cuesta?")
    await until_said(twilio, "¿Cuánto cuesta?")
    assert await workers[0].stop() == 0


def test_web_serves_through_it(database_url: str, tmp_path: Path) -> None:
    with (
        running_web(database_url, tmp_path / "web.log") as web,
        httpx.Client(base_url=web.url, headers=AUTH) as client,
    ):
        for place in range(5):
            answer = client.post("/api/call-completed", json=call_of(conversation_id=f"conv_{place}"))
            assert (answer.status_code, answer.json()["status"]) == (202, "queued")
            assert client.get("/api/stats").status_code == httpx.codes.OK
        assert client.get(f"/api/conversations/{_NUMBER}").status_code == httpx.codes.NOT_FOUND
    assert "no notifications through a pooler" in web.log.read_text()
