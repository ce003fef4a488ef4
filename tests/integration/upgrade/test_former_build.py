"""After `migrate` the former build starts no more; what of it runs on neither claims, writes nor sends."""

import asyncio
from pathlib import Path

import pytest

from clients.kafka.topics import ensure_topics
from db.pool import Pool
from db.versions import NEWEST
from schemas.settings import load_settings
from tests.integration.upgrade.conftest import Former
from tests.support import former_build
from tests.support.processes import ALL, code_of, environment

_REFUSAL = 'database "of this build: a newer one has migrated it, start that one" does not exist'


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return former_build.checkout(tmp_path_factory.mktemp("former"))


@pytest.fixture(scope="module")
def topics(kafka_bootstrap: str) -> str:
    asyncio.run(ensure_topics(load_settings({}, kafka_bootstrap_servers=kafka_bootstrap)))
    return kafka_bootstrap


@pytest.mark.parametrize("command", [*ALL, "migrate"])
async def test_it_refuses_to_start_in_one_line(
    sources: Path, former: Former, topics: str, tmp_path: Path, command: str, upgraded: Pool
) -> None:
    log = tmp_path / "former.log"
    async with former_build.running(sources, command, environment(former.url, topics), log) as process:
        assert await code_of(process) == 2
    assert log.read_text() == f"configuration error: DATABASE_URL: {_REFUSAL}\n"
    assert await upgraded.fetchval("SELECT version_num FROM whatsapp_microservice_schema") == NEWEST
