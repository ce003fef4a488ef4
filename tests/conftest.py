"""Kafka and Postgres for the tests: given ones, else real ones started here."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from db.migrate import migrate
from db.pool import Pool, create_pool
from local.kafka.server import start_kafka
from local.postgres.server import RunningPostgres, start_postgres
from schemas.settings import load_settings

ROOT = Path(__file__).parent.parent
JARS = ROOT / ".kafka"
_TEMPLATE = "migrated"

# A machine that is busy is no failure: speed is judged in the benchmark.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def apache_kafka_is_there() -> bool:
    """Tell whether Apache Kafka can be started here; its jars are brought where Maven is there."""
    if shutil.which("java") is None:
        return False
    if not any(JARS.glob("kafka_*.jar")) and shutil.which("mvn"):
        subprocess.run(["make", "-C", str(ROOT), "kafka"], check=False)
    return any(JARS.glob("kafka_*.jar"))


def pytest_report_header() -> str:
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    return f"Kafka: {given or ('Apache Kafka' if apache_kafka_is_there() else 'embedded (no java or jars)')}"


@pytest.fixture(scope="session")
def jars() -> Path:
    """Apache Kafka's jars; CI demands that they are used."""
    if os.environ.get("REQUIRE_APACHE_KAFKA"):
        assert apache_kafka_is_there(), "these tests must run on Apache Kafka"
    return JARS


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    """A server with a migrated template."""
    running = asyncio.run(_start(tmp_path_factory.mktemp("postgres")))
    yield running
    asyncio.run(running.stop())


async def _start(folder: Path) -> RunningPostgres:
    running = await start_postgres(folder)
    await migrate(await running.create_database(_TEMPLATE))
    return running


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[str]:
    """The Kafka under test: KAFKA_BOOTSTRAP_SERVERS, else one started here."""
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield given
        return
    running = asyncio.run(start_kafka(tmp_path_factory.mktemp("kafka"), jars))
    yield running.bootstrap_servers
    asyncio.run(running.stop())


@pytest.fixture
async def database_url(postgres: RunningPostgres, request: pytest.FixtureRequest) -> str:
    """A database of the test's own, copied from the template."""
    return await postgres.create_database(f"t{abs(hash(request.node.nodeid))}", _TEMPLATE)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to the test's database."""
    pool = await create_pool(load_settings({}, database_url=database_url))
    yield pool
    await pool.close()


@pytest.fixture
async def empty_database_url(postgres: RunningPostgres, request: pytest.FixtureRequest) -> str:
    """A database without tables."""
    return await postgres.create_database(f"e{abs(hash(request.node.nodeid))}")
