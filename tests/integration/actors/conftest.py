"""Actor workers between simulated vendors, real topics and a real store."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from clients.kafka.topics import ensure_topics
from local.process import free_port
from schemas.settings import load_settings
from tests.support.actor_worker import ActorWorker, Backend
from tests.support.simulators import (
    ACCOUNT,
    KEY,
    SENDER,
    TOKEN,
    Simulator,
    elevenlabs_simulator,
    twilio_simulator,
)

PARTITIONS = "4"


@pytest.fixture
def twilio() -> Iterator[Simulator]:
    with twilio_simulator() as simulator:
        yield simulator


@pytest.fixture
def elevenlabs() -> Iterator[Simulator]:
    with elevenlabs_simulator() as simulator:
        simulator.steer("settings", {"manner": "echo"})
        yield simulator


@pytest.fixture
def env(kafka_bootstrap: str, database_url: str, twilio: Simulator, elevenlabs: Simulator) -> dict[str, str]:
    """A worker's environment."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "DATABASE_URL": database_url,
        "TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
        "TOPIC_PARTITIONS": PARTITIONS,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_WHATSAPP_FROM": SENDER,
        "TWILIO_API_BASE_URL": twilio.url,
        "ELEVENLABS_API_KEY": KEY,
        "ELEVENLABS_API_BASE_URL": elevenlabs.url,
    }


@pytest.fixture
async def workers(env: dict[str, str], tmp_path: Path) -> AsyncIterator[list[ActorWorker]]:
    """Two workers that are not started yet."""
    await ensure_topics(load_settings(env))
    found = [ActorWorker(env, free_port(), tmp_path / f"worker-{number}.log") for number in (1, 2)]
    yield found
    for worker in found:
        if worker.process is not None and worker.process.returncode is None:
            await worker.kill()


@pytest.fixture
async def backend(env: dict[str, str], workers: list[ActorWorker]) -> AsyncIterator[Backend]:
    producer = AIOKafkaProducer(bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"])
    await producer.start()
    yield Backend(producer, env["TOPIC_PREFIX"])
    await producer.stop()
