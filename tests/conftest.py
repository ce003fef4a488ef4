"""Kafka and Postgres for the tests; see `tests.support.servers` for where they come from."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from db.migrate import migrate
from db.pool import Pool, create_pool
from schemas.settings import load_settings
from tests.support.garbage import collect_quietly
from tests.support.servers import (
    JARS,
    Databases,
    apache_kafka_is_there,
    kafka_server,
    kafka_source,
    postgres_server,
)

# A busy machine is no failure: the benchmark judges speed. CI plays the same histories each time, so that its
# result depends on the change alone. Whoever runs the tests by hand explores further histories.
hypothesis.settings.register_profile("untimed", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("untimed")
# Tests that talk to servers.
_WITH_SERVERS = {"integration", "acceptance", "chaos", "bench"}


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_to_later_modules(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what libraries leave open when a loop ends, before it becomes another test's failure."""
    yield
    if _WITH_SERVERS & set(request.path.parts):
        collect_quietly()


def pytest_report_header() -> str:
    return f"Kafka: {kafka_source()}"


def pytest_configure() -> None:
    """Set what the embedded broker needs; processes that the tests start inherit it."""
    if kafka_source() == "embedded":
        os.environ["KAFKA_EMBEDDED"] = "true"


@pytest.fixture(scope="session")
def jars() -> Path:
    """Folder of Apache Kafka's jars. CI requires that they are used."""
    if os.environ.get("REQUIRE_APACHE_KAFKA"):
        assert apache_kafka_is_there(), "these tests must run on Apache Kafka"
    return JARS


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[str]:
    """Bootstrap servers of the Kafka under test."""
    with kafka_server(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Maker of databases in the Postgres under test."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as databases:
        yield databases


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> str:
    """Name of a migrated database, to be copied."""

    async def make() -> str:
        name, url = await databases.create()
        await migrate(url)
        return name

    return asyncio.run(make())


@pytest.fixture
async def database_url(databases: Databases, migrated: str) -> str:
    """URL of a migrated database of the test's own."""
    return (await databases.create(migrated))[1]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to the test's database."""
    pool = await create_pool(load_settings({}, database_url=database_url))
    yield pool
    await pool.close()


@pytest.fixture
async def empty_database_url(databases: Databases) -> str:
    """URL of a database without tables."""
    return (await databases.create())[1]
