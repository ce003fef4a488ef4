"""`migrate` on databases as found: with tables and data, amid a migration, with a role that lacks rights."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from db.migrate import migrate
from db.migrations.run import run_scripts
from db.versions import FORMER_TABLE, LAST_OF_FUNCTIONS, NEWEST, VERSION_TABLE, schema_version
from tests.support.processes import code_of, environment, running
from tests.support.shape import shape
from tests.support.up import ROOT

NOBODY = "127.0.0.1:9"
_CONTRACT = (ROOT / "db" / "migrations" / "sql" / "0001_contract.sql").read_text()
_BACKENDS_OWN = """
CREATE TABLE clients (id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO clients (name) VALUES ('Ana'), ('Luis');
CREATE FUNCTION clients_named(text) RETURNS bigint LANGUAGE sql\
 AS 'SELECT count(*) FROM clients WHERE name = $1';
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('of_the_backend');
INSERT INTO conversation_state\
 (phone_number, client_name, elevenlabs_conversation_id, agent_id, message_count)
  VALUES ('+573138539155', 'Ana', 'conv_old', 'agent_1', 2);
INSERT INTO conversation_messages (conversation_id, direction, content)
  VALUES (1, 'outbound', 'Hola'), (1, 'inbound', 'Sí');
"""
_ROWS = (
    "SELECT phone_number, client_name, elevenlabs_conversation_id, agent_id, status, message_count, "
    "started_at, metadata FROM conversation_state ORDER BY id",
    "SELECT conversation_id, direction, content, sent_at, metadata FROM conversation_messages ORDER BY id",
    "SELECT * FROM clients ORDER BY id",
    "SELECT * FROM alembic_version",
    "SELECT clients_named('Ana')",
)


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


async def test_tables_with_data_stay_as_they_are(empty: asyncpg.Connection, empty_database_url: str) -> None:
    await empty.execute(_CONTRACT)
    await empty.execute(_BACKENDS_OWN)
    before = [await empty.fetch(query) for query in _ROWS]
    await migrate(empty_database_url)
    await migrate(empty_database_url)
    assert [await empty.fetch(query) for query in _ROWS] == before
    assert await schema_version(empty) == ("ours", NEWEST)


async def test_five_at_once_are_one(
    empty: asyncpg.Connection, empty_database_url: str, database_url: str
) -> None:
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(5)))
    assert len(await empty.fetch(f"SELECT * FROM {VERSION_TABLE}")) == 1
    once = await asyncpg.connect(database_url)
    try:
        assert await shape(empty) == await shape(once)
    finally:
        await once.close()


@pytest.fixture
async def guest(empty: asyncpg.Connection, empty_database_url: str) -> AsyncIterator[str]:
    """The address of the empty database for a role that owns nothing in it."""
    role, password = f"guest_{secrets.token_hex(4)}", secrets.token_hex(8)
    await empty.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
    url = urlsplit(empty_database_url)
    yield f"postgresql://{role}:{password}@{url.netloc.rpartition('@')[2]}{url.path}"
    await empty.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize("is_migrated", [False, True])
async def test_a_role_that_may_not_is_one_line_and_exit_2(
    guest: str, empty: asyncpg.Connection, empty_database_url: str, tmp_path: Path, is_migrated: bool
) -> None:
    await empty.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as by default from Postgres 15 on
    if is_migrated:
        await run_scripts(empty_database_url, LAST_OF_FUNCTIONS, FORMER_TABLE)
        await empty.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {urlsplit(guest).username}")
    log = tmp_path / "migrate.log"
    async with running("migrate", environment(guest, NOBODY), log) as process:
        assert await code_of(process) == 2
    [line] = log.read_text().splitlines()
    assert line.startswith(
        "configuration error: DATABASE_URL: its role may not change the service's tables ("
    )
    assert line.endswith("run `migrate` as the role that owns them")
    assert str(urlsplit(guest).password) not in line


async def test_where_nothing_is_missing_any_role_will_do(
    guest: str, empty: asyncpg.Connection, empty_database_url: str
) -> None:
    await empty.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await migrate(empty_database_url)
    await empty.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {urlsplit(guest).username}")
    await migrate(guest)


async def test_a_newer_builds_schema_is_left_alone(
    empty: asyncpg.Connection, empty_database_url: str
) -> None:
    """After a rollback: nothing goes back, and nothing fails."""
    await migrate(empty_database_url)
    await empty.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    await empty.execute("DROP VIEW conversation_open")
    await migrate(empty_database_url)
    assert await schema_version(empty) == ("newer", "9999")
    assert await empty.fetchval("SELECT to_regclass('conversation_open')") is None
