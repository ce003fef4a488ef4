"""Kafka and Postgres for the tests, each from the first source available.

In this order: the one given by its variable; a container if a Docker engine answers; Apache Kafka by Maven if
`java` and `mvn` are there, and Postgres out of its wheel; the embedded broker.
"""

import asyncio
import gc
import os
import shutil
import subprocess
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import docker
import pytest
from docker.errors import DockerException
from testcontainers.community.kafka import KafkaContainer
from testcontainers.community.postgres import PostgresContainer

from local.kafka.server import start_kafka
from local.postgres.server import create_database, drop_database, start_postgres

ROOT = Path(__file__).parent.parent.parent
JARS = ROOT / ".kafka"
_KAFKA_IMAGE = "confluentinc/cp-kafka:7.6.0"
_POSTGRES_IMAGE = "postgres:16"
# A local engine answers in milliseconds. One that does not counts as absent.
_ENGINE_SECONDS = 3

Source = Literal["given", "container", "apache", "embedded"]


def source(variable: str, env: Mapping[str, str], *, engine: bool, apache: bool) -> Source:
    """Choose where a server comes from."""
    if env.get(variable):
        return "given"
    if engine:
        return "container"
    return "apache" if apache else "embedded"


@cache
def engine_answers() -> bool:
    """Return whether a Docker engine answers."""
    with warnings.catch_warnings():
        # Docker's client forgets to close a socket on which nobody answers.
        warnings.simplefilter("ignore", ResourceWarning)
        found = _ping()
        gc.collect()
    return found


def _ping() -> bool:
    try:
        with closing(docker.from_env(timeout=_ENGINE_SECONDS)) as client:
            return bool(client.ping())
    except (DockerException, OSError):  # requests' errors are OSErrors
        return False


@cache
def apache_kafka_is_there() -> bool:
    """Return whether Apache Kafka can run here, after fetching its jars if there is Maven."""
    if shutil.which("java") is None:
        return False
    if not any(JARS.glob("kafka_*.jar")) and shutil.which("mvn"):
        subprocess.run(["make", "-C", str(ROOT), "kafka"], check=False)
    return any(JARS.glob("kafka_*.jar"))


@cache
def kafka_source() -> Source:
    """Return where this run's Kafka comes from."""
    variable = "KAFKA_BOOTSTRAP_SERVERS"
    return source(variable, os.environ, engine=engine_answers(), apache=apache_kafka_is_there())


needs_apache = pytest.mark.skipif(
    not apache_kafka_is_there(),
    reason="the embedded broker forgets all when it ends, and numbers no producers",
)
"""For tests that freeze or kill a broker of their own."""


@contextmanager
def kafka_server(folder: Path) -> Iterator[str]:
    """Run a Kafka, or use the given one; yield its bootstrap servers."""
    if kafka_source() == "given":
        yield os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    elif kafka_source() == "container":
        with KafkaContainer(_KAFKA_IMAGE).with_kraft() as container:
            yield container.get_bootstrap_server()
    else:
        running = asyncio.run(start_kafka(folder, JARS))
        yield running.bootstrap_servers
        asyncio.run(running.stop())


class Databases:
    """Maker of databases on a server; `admin_dsn` is the address of one of its databases."""

    def __init__(self, admin_dsn: str) -> None:
        self._admin_dsn = admin_dsn
        self._made: list[str] = []

    async def create(self, template: str = "template1") -> tuple[str, str]:
        """Create a database; return its name and address."""
        name = f"whatsapp_test_{uuid.uuid4().hex}"
        await create_database(self._admin_dsn, name, template)
        self._made.append(name)
        return name, urlsplit(self._admin_dsn)._replace(path=f"/{name}").geturl()

    async def drop_all(self) -> None:
        for name in self._made:
            await drop_database(self._admin_dsn, name)


@contextmanager
def postgres_server(folder: Path) -> Iterator[Databases]:
    """Run a Postgres, or use the given one and leave it as it was found."""
    chosen = source("DATABASE_URL", os.environ, engine=engine_answers(), apache=False)
    if chosen == "given":
        databases = Databases(os.environ["DATABASE_URL"])
        yield databases
        asyncio.run(databases.drop_all())
    elif chosen == "container":
        with PostgresContainer(_POSTGRES_IMAGE, driver=None) as container:
            yield Databases(container.get_connection_url())
    else:
        running = asyncio.run(start_postgres(folder))
        yield Databases(running.dsn_of("postgres"))
        asyncio.run(running.stop())
