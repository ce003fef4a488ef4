"""What the tests of the statistics share: topics of their own, stats workers, a producer."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from local.kafka.ports import free_port
from schemas.settings import Settings, load_settings
from streams.engine.topics import ensure_topics
from tests.support.stats_process import TOKEN, StatsProcess

_PARTITIONS = 4


@pytest.fixture
def env(kafka_bootstrap: str, database_url: str) -> dict[str, str]:
    """A stats worker's environment."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "DATABASE_URL": database_url,
        "TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
        "TOPIC_PARTITIONS": str(_PARTITIONS),
        "MICROSERVICE_TOKEN": TOKEN,
    }


@pytest.fixture
async def settings(env: dict[str, str]) -> Settings:
    settings = load_settings(env)
    await ensure_topics(settings)
    return settings


@pytest.fixture
async def workers(env: dict[str, str], settings: Settings, tmp_path: Path) -> AsyncIterator[list[StatsProcess]]:
    """Three workers that are not started yet."""
    processes = [StatsProcess(env, free_port(), tmp_path / f"stats-{number}.log") for number in (1, 2, 3)]
    yield processes
    for process in processes:
        if process.process is not None and process.process.returncode is None:
            await process.kill()


@pytest.fixture
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    yield producer
    await producer.stop()
