"""At its start a build compares the schema's version with its own, and says in one line what to do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from cli.upgrade import upgrade_of
from clients.kafka.topics import ensure_topics
from db.migrate import migrate
from db.pool import Pool
from db.versions import KNOWN, NEWEST, VERSION_TABLE, schema_version
from schemas.errors import ConfigurationError
from schemas.settings import load_settings
from tests.integration.upgrade.conftest import never
from tests.support.processes import ALL, code_of, environment, running
from tests.support.recorded import restore


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def _set(database: asyncpg.Connection, version: str | None) -> None:
    await database.execute(f"DELETE FROM {VERSION_TABLE}")
    if version is not None:
        await database.execute(f"INSERT INTO {VERSION_TABLE} VALUES ($1)", version)


@pytest.mark.parametrize(
    ("version", "found"),
    [(None, "older"), ("0001", "older"), (KNOWN[-2], "older"), (NEWEST, "ours"), ("9999", "newer")],
)
async def test_versions_are_older_ours_or_newer(
    database: asyncpg.Connection, version: str | None, found: str
) -> None:
    await _set(database, version)
    assert await schema_version(database) == (found, version)


async def test_a_database_without_our_tables_is_older(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await schema_version(connection) == ("older", None)
    finally:
        await connection.close()


@pytest.mark.parametrize("command", ALL)
async def test_a_newer_schema_is_refused_in_one_line(
    database: asyncpg.Connection, database_url: str, kafka_bootstrap: str, tmp_path: Path, command: str
) -> None:
    await ensure_topics(load_settings({}, kafka_bootstrap_servers=kafka_bootstrap))
    await _set(database, "9999")
    log = tmp_path / "process.log"
    async with running(command, environment(database_url, kafka_bootstrap), log) as process:
        assert await code_of(process) == 2
    assert log.read_text() == (
        f"configuration error: DATABASE_URL: the schema has version 9999, this build knows {NEWEST}; "
        "start the newer build\n"
    )


@pytest.mark.parametrize("command", ALL)
async def test_an_older_schema_says_migrate(
    database: asyncpg.Connection, database_url: str, kafka_bootstrap: str, tmp_path: Path, command: str
) -> None:
    await ensure_topics(load_settings({}, kafka_bootstrap_servers=kafka_bootstrap))
    await _set(database, "0001")
    log = tmp_path / "process.log"
    async with running(command, environment(database_url, kafka_bootstrap), log) as process:
        assert await code_of(process) == 1
    assert "run `whatsapp-microservice migrate`" in log.read_text()
    assert "Traceback" not in log.read_text()


async def test_an_empty_database_comes_to_the_new_schema_without_anybody_who_decides(
    empty_database_url: str,
) -> None:
    for _ in range(2):
        await migrate(empty_database_url)
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await schema_version(connection) == ("ours", NEWEST)
        assert await connection.fetchval("SELECT to_regclass('conversation_turn') IS NULL")
    finally:
        await connection.close()


async def test_two_at_once_move_a_former_builds_rows_once(empty_database_url: str, upgraded: Pool) -> None:
    connection = await asyncpg.connect(empty_database_url, server_settings={"timezone": "UTC"})
    try:
        await restore(connection)
        upgrade = upgrade_of(load_settings({}))
        await asyncio.gather(*(migrate(empty_database_url, upgrade, sleep=never) for _ in range(2)))
        for table in ("actor", "log", "sends", "seen", "messages", "removal"):
            count = f"SELECT count(*) FROM public.conversation_{table}"
            assert await connection.fetchval(count) == await upgraded.fetchval(count), table
    finally:
        await connection.close()


async def test_a_view_of_the_backends_on_a_former_table_is_named_and_nothing_is_moved(
    empty_database_url: str,
) -> None:
    connection = await asyncpg.connect(empty_database_url, server_settings={"timezone": "UTC"})
    try:
        await restore(connection)
        await connection.execute(
            "CREATE VIEW public.turns_of_today AS SELECT id FROM public.conversation_turn"
        )
        with pytest.raises(
            ConfigurationError, match="view .*turns_of_today depends on table .*conversation_turn"
        ):
            await migrate(empty_database_url, upgrade_of(load_settings({})), sleep=never)
        assert await connection.fetchval("SELECT count(*) FROM public.conversation_actor") == 0
        await connection.execute("DROP VIEW public.turns_of_today")
        await migrate(empty_database_url, upgrade_of(load_settings({})), sleep=never)
        assert await connection.fetchval("SELECT count(*) FROM public.conversation_actor") > 0
    finally:
        await connection.close()
