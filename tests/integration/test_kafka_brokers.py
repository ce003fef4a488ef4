"""Three brokers under the running service: leaders freeze, die, return at other addresses; nobody notices."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from clients.kafka.topics import ensure_topics
from schemas.settings import load_settings
from schemas.topics import CONVERSATION_EVENT, INBOUND_MESSAGE
from tests.support.deadline import eventually
from tests.support.gateway import call
from tests.support.kafka_cluster import KafkaCluster
from tests.support.processes import environment, running
from tests.support.said import said
from tests.support.servers import needs_apache
from tests.support.simulators import (
    ACCOUNT,
    KEY,
    SENDER,
    TOKEN,
    Simulator,
    elevenlabs_simulator,
    twilio_simulator,
)

# A start, on a machine that may be busy.
_READY_SECONDS = 90.0
# The controller gives a frozen broker up after 9 s, and its partitions' followers lead. Whoever sent to it
# learns of that by its own time-out (8 s of the worker's producer).
_ANSWERED_SECONDS = 60.0
_NUMBERS = [f"+5731385391{place:02d}" for place in range(12)]
_PARTITIONS = 4


@dataclass
class Talk:
    """Clients who write by Twilio's webhooks, and what each of them wrote. `prefix`: of the topics."""

    twilio: Simulator
    prefix: str
    written: dict[str, list[str]] = field(default_factory=lambda: {number: [] for number in _NUMBERS})

    def all_write(self, text: str) -> None:
        """Each webhook is taken at its first try, by Kafka or, while that chooses a leader, by the spool."""
        for number in _NUMBERS:
            self.written[number].append(f"{text} de {number}")
            told = self.twilio.steer("inbound", {"from": number, "body": self.written[number][-1]})
            assert told["status"] == 200

    async def is_answered(self) -> bool:
        bodies = {number: "\n".join(said(self.twilio, number)) for number in _NUMBERS}
        return all(text in bodies[number] for number in _NUMBERS for text in self.written[number])

    def is_answered_once_and_in_order(self) -> bool:
        for number, wanted in self.written.items():
            answers = "\n".join(said(self.twilio, number))
            if [answers.count(text) for text in wanted] != [1] * len(wanted):
                return False
            if sorted(wanted, key=answers.index) != wanted:
                return False
        return True


@pytest.fixture
async def cluster(tmp_path: Path, jars: Path) -> AsyncIterator[KafkaCluster]:
    brokers = KafkaCluster(tmp_path / "kafka", jars)
    try:
        await brokers.start()
        yield brokers
    finally:
        await brokers.kill()


@pytest.fixture
def vendors() -> Iterator[tuple[Simulator, Simulator]]:
    with twilio_simulator() as twilio, elevenlabs_simulator() as elevenlabs:
        elevenlabs.steer("settings", {"manner": "echo"})
        yield twilio, elevenlabs


@pytest.fixture
async def talk(
    cluster: KafkaCluster, vendors: tuple[Simulator, Simulator], database_url: str, tmp_path: Path
) -> AsyncIterator[Talk]:
    """`web` and a worker, both ready."""
    twilio, elevenlabs = vendors
    env = environment(
        database_url,
        cluster.bootstrap_servers,
        TOPIC_PREFIX=f"t{uuid.uuid4().hex[:8]}.",
        TOPIC_PARTITIONS=_PARTITIONS,
        TOPIC_REPLICATION_FACTOR=3,
        TWILIO_ACCOUNT_SID=ACCOUNT,
        TWILIO_AUTH_TOKEN=TOKEN,
        TWILIO_WHATSAPP_FROM=SENDER,
        TWILIO_API_BASE_URL=twilio.url,
        ELEVENLABS_API_KEY=KEY,
        ELEVENLABS_API_BASE_URL=elevenlabs.url,
        START_WAIT_SECONDS=60,
    )
    await ensure_topics(load_settings(env))
    webhook = f"http://127.0.0.1:{env['PORT']}/webhook/twilio/incoming"
    twilio.steer("settings", {"webhook_url": webhook})
    env["PUBLIC_BASE_URL"] = webhook.removesuffix("/webhook/twilio/incoming")
    async with AsyncExitStack() as processes:
        for name in ("web", "worker"):
            await processes.enter_async_context(running(name, env, tmp_path / f"{name}.log"))
        await eventually(lambda: _are_ready(env), _READY_SECONDS)
        await asyncio.gather(*(_is_called(env, number) for number in _NUMBERS))
        yield Talk(twilio, env["TOPIC_PREFIX"])


async def _is_called(env: dict[str, str], number: str) -> None:
    headers = {"X-Service-Token": env["MICROSERVICE_TOKEN"]}
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.post(
            f"http://127.0.0.1:{env['PORT']}/api/call-completed", json=call(f"conv_{number}", number)
        ) as response,
    ):
        assert response.status in (200, 202), await response.text()


async def _are_ready(env: dict[str, str]) -> bool:
    try:
        async with aiohttp.ClientSession() as client:
            for port in (env["PORT"], env["WORKER_PORT"]):
                async with client.get(f"http://127.0.0.1:{port}/ready") as response:
                    if response.status != 200:
                        return False
    except aiohttp.ClientConnectionError:
        return False
    return True


@needs_apache
async def test_leaders_move_and_brokers_come_back_elsewhere_and_all_are_answered_once_and_in_order(
    cluster: KafkaCluster, talk: Talk
) -> None:
    messages = talk.prefix + INBOUND_MESSAGE
    talk.all_write("uno")
    await eventually(talk.is_answered, _ANSWERED_SECONDS)
    frozen = await cluster.leader(messages)
    cluster.freeze_node(frozen)
    talk.all_write("dos")  # to a leader that answers nobody, and is not known to be gone
    await eventually(talk.is_answered, _ANSWERED_SECONDS)
    await cluster.kill_node(frozen)
    await cluster.come_back(frozen)
    talk.all_write("tres")
    await cluster.until_in_sync(messages)
    await cluster.until_in_sync(talk.prefix + CONVERSATION_EVENT)
    killed = await cluster.leader(messages)
    assert killed != frozen, "who has come back leads nothing yet"
    await cluster.kill_node(killed)
    # One of the two left has another address than at first. Without it nothing would be acknowledged.
    talk.all_write("cuatro")
    await eventually(talk.is_answered, _ANSWERED_SECONDS)
    await cluster.come_back(killed)
    talk.all_write("cinco")
    await eventually(talk.is_answered, _ANSWERED_SECONDS)
    assert talk.is_answered_once_and_in_order()
