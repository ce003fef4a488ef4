"""`db/schema.sql` shows what the migrations make; every query in `db/sql` fits it and has a caller."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from db.migrate import migrate
from db.migrations.run import run_scripts
from db.queries import load
from db.versions import FORMER_TABLE, KNOWN, LAST_OF_FUNCTIONS
from tests.support.servers import ROOT
from tests.support.shape import shape

_PACKAGES = ("clients", "process", "db", "streams", "web", "cli")
_FILES = sorted(file.stem for file in (ROOT / "db" / "sql").glob("*.sql"))
_LOADS = re.compile(r"\bload(?:_queries)?\(\"(\w+)\"\)")
_FORMER = [version for version in KNOWN if version <= LAST_OF_FUNCTIONS]


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_the_file_shows_what_the_migrations_make(database_url: str, empty_database_url: str) -> None:
    async with _connected(database_url) as migrated, _connected(empty_database_url) as written:
        await written.execute((ROOT / "db" / "schema.sql").read_text())
        assert await shape(written) == await shape(migrated)


@pytest.mark.parametrize("version", _FORMER)
async def test_every_former_version_comes_to_the_same(
    database_url: str, empty_database_url: str, version: str
) -> None:
    await run_scripts(empty_database_url, version, FORMER_TABLE)
    await migrate(empty_database_url)
    async with _connected(database_url) as at_once, _connected(empty_database_url) as from_there:
        assert await shape(from_there) == await shape(at_once)


async def test_no_rule_is_a_function(database_url: str) -> None:
    """Those that are left tell a former build that it is fenced, whatever it asks."""
    async with _connected(database_url) as database:
        found = await database.fetch(
            "SELECT proname, lanname, prosrc FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang "
            "WHERE pronamespace = 'public'::regnamespace"
        )
    assert found
    assert {(row["lanname"], row["prosrc"]) for row in found} == {
        ("sql", """SELECT '{"state": "fenced"}'::jsonb""")
    }
    sql = "\n".join(file.read_text() for file in (ROOT / "db").rglob("*.sql")).lower()
    assert "plpgsql" not in sql
    assert not re.search(r"\bdo \$", sql)


# Queries that move a former build's rows fit that build's schema: tests/integration/upgrade runs each. The
# pieces of the store's write are no statements by themselves: tests/integration/store runs what they form.
@pytest.mark.parametrize("file", [name for name in _FILES if name not in {"upgrade", "store_append"}])
async def test_every_query_fits_the_schema(database_url: str, file: str) -> None:
    queries = load(file)
    async with _connected(database_url) as database:
        for name in queries.names():
            await database.prepare(getattr(queries, name))


def test_every_query_has_a_caller() -> None:
    """As an attribute where its file is loaded; one that is chosen among several is named as a string."""
    files = [file.read_text() for package in _PACKAGES for file in (ROOT / package).rglob("*.py")]
    chosen = {name for code in files for name in re.findall(r"\"(\w+)\"", code)}
    called = {
        f"{file}.{name}"
        for code in files
        for file in _LOADS.findall(code)
        for name in chosen.union(re.findall(r"\.(\w+)", code))
    }
    assert {f"{file}.{name}" for file in _FILES for name in load(file).names()} - called == set()
