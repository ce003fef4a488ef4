"""Shared by the statistics tests: topics of their own, stats workers and a producer."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from cli.stats import run_stats
from clients.kafka.topics import ensure_topics
from local.process import free_port
from schemas.settings import Settings, load_settings
from tests.support.stats_process import TOKEN, StatsProcess

_PARTITIONS = 4
_PATIENCE_SECONDS = 60.0

Command = Callable[..., Awaitable[tuple[int, Any]]]


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
async def workers(
    env: dict[str, str], settings: Settings, tmp_path: Path
) -> AsyncIterator[list[StatsProcess]]:
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


@pytest.fixture
def command(env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `stats` as the program does; it returns the exit code and what was printed."""

    async def run(worker: StatsProcess, **options: object) -> tuple[int, Any]:
        settings = load_settings({**env, "STATS_URL": f"http://127.0.0.1:{worker.port}"})
        asked: dict[str, Any] = {
            "check": False,
            "rebuild": None,
            "patience": _PATIENCE_SECONDS,
            "as_json": True,
        } | options
        code = await asyncio.to_thread(run_stats, settings, **asked)
        return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return run
