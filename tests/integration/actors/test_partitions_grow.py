"""Somebody adds partitions to the topics: every process notices, nothing loops, and a command repairs it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewPartitions

from clients.kafka.topics import ensure_topics, open_admin
from db.pool import Pool
from schemas.settings import load_settings
from schemas.topics import ALL_TOPICS, CALL_COMPLETED, INBOUND_MESSAGE, STATS_CHANGELOG
from tests.support.actor_worker import Backend
from tests.support.deadline import eventually
from tests.support.processes import ALL, PORTS, Process, code_of, environment, running
from tests.support.said import said
from tests.support.servers import needs_apache
from tests.support.simulators import Simulator

pytestmark = needs_apache

_NUMBERS = [f"+5731385391{number:02d}" for number in range(12)]
_GROWN = 8
# Each looks every 2 s; a worker drains before it ends.
_SECONDS = 30.0


class Service:
    """The service's processes, which are started again and again; and whoever changes their topics."""

    def __init__(self, env: dict[str, str], folder: Path, stack: AsyncExitStack) -> None:
        self.env = environment(
            env["DATABASE_URL"], env["KAFKA_BOOTSTRAP_SERVERS"], **{**env, "START_WAIT_SECONDS": "30"}
        )
        self.env["STATS_URL"] = self.url("stats-worker")
        self.settings = load_settings(env)
        self._folder = folder
        self._stack = stack
        self._count = 0

    async def start(self, command: str) -> tuple[Process, Path]:
        self._count += 1
        log = self._folder / f"{command}-{self._count}.log"
        return await self._stack.enter_async_context(running(command, self.env, log)), log

    async def ready(self, *commands: str) -> None:
        for command in commands:
            await eventually(lambda command=command: self._is_ready(command), 60)  # type: ignore[misc]

    async def _is_ready(self, command: str) -> bool:
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                return (await client.get(f"{self.url(command)}/ready")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def url(self, command: str) -> str:
        return f"http://127.0.0.1:{self.env[PORTS[command]]}"

    async def health(self) -> str:
        async with httpx.AsyncClient(timeout=5) as client:
            found: str = (await client.get(f"{self.url('web')}/health")).json()["dependencies"]["kafka"]
        return found

    async def grow(self, *topics: str) -> None:
        async with open_admin(self.settings) as admin:
            await admin.create_partitions(
                {self.settings.topic_prefix + topic: NewPartitions(_GROWN) for topic in topics}
            )

    async def run(self, *words: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", *words, env=self.env, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    async def records(self, topic: str) -> int:
        """Return how many records a topic has."""
        async with AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap_servers) as consumer:
            places = [TopicPartition(self.settings.topic_prefix + topic, number) for number in range(_GROWN)]
            return sum((await consumer.end_offsets(places)).values())


@pytest.fixture
async def service(env: dict[str, str], tmp_path: Path) -> AsyncIterator[Service]:
    await ensure_topics(load_settings(env))
    async with AsyncExitStack() as stack:
        yield Service(env, tmp_path, stack)


async def _write_all(service: Service, text: str) -> None:
    """Everybody writes, by a producer that knows how many partitions there are now."""
    async with AIOKafkaProducer(bootstrap_servers=service.settings.kafka_bootstrap_servers) as producer:
        outside = Backend(producer, service.settings.topic_prefix)
        for number in _NUMBERS:
            await outside.write(number, text)


async def _call_all(service: Service, twilio: Simulator) -> None:
    async with AIOKafkaProducer(bootstrap_servers=service.settings.kafka_bootstrap_servers) as producer:
        outside = Backend(producer, service.settings.topic_prefix)
        for number in _NUMBERS:
            await outside.call(number, f"conv_{number}")
    await _all_said(twilio, 1)


async def _all_said(twilio: Simulator, least: int) -> None:
    async def look() -> bool:
        return all(len(_lines(twilio, number)) >= least for number in _NUMBERS)

    await eventually(look, 90)


def _lines(twilio: Simulator, number: str) -> list[str]:
    """What a client was told, line by line: messages that met share an answer."""
    return [line.removeprefix("Eco: ") for body in said(twilio, number) for line in body.split("\n")]


async def test_every_process_notices_and_nothing_goes_round(
    service: Service, twilio: Simulator, pool: Pool
) -> None:
    web, log = await service.start("web")
    others = [await service.start(command) for command in ("worker", "stats-worker")]
    await service.ready(*ALL)
    await _call_all(service, twilio)
    await service.grow(*ALL_TOPICS, STATS_CHANGELOG)
    await _write_all(service, "uno")
    for process, others_log in others:
        assert await code_of(process, _SECONDS) == 2, others_log.read_text()[-3000:]
        last = others_log.read_text().splitlines()[-1]
        assert last.startswith("configuration error: topics had 4 partitions and were changed (")
        assert last.endswith("; stop all processes, run `whatsapp-microservice repartition`, then start them")
        assert "Traceback" not in others_log.read_text()

    async def is_noticed() -> bool:
        return await service.health() == "error"

    await eventually(is_noticed, _SECONDS)
    assert "run `whatsapp-microservice repartition`" in log.read_text()
    assert web.returncode is None, "it keeps taking events, in Postgres"
    assert await service.records(INBOUND_MESSAGE) <= 2 * len(_NUMBERS), "each was moved once at most"
    for command in ("worker", "stats-worker"):
        again, again_log = await service.start(command)
        assert await code_of(again, _SECONDS) == 2, again_log.read_text()
        assert "run `whatsapp-microservice repartition`" in again_log.read_text().splitlines()[-1]


async def _called_and_written_to_nobody(service: Service, twilio: Simulator) -> int:
    """All are called; then they write while no worker runs. Return how many lines each has got by then."""
    worker, _ = await service.start("worker")
    await service.ready("worker")
    await _call_all(service, twilio)
    worker.terminate()
    assert await code_of(worker) == 0
    first = len(_lines(twilio, _NUMBERS[0]))
    await _write_all(service, "uno")
    return first


@pytest.mark.parametrize("topics", [ALL_TOPICS, (CALL_COMPLETED,), ()], ids=["all", "one", "none"])
async def test_a_command_moves_what_waits_and_everybody_starts_again(
    service: Service, twilio: Simulator, topics: tuple[str, ...]
) -> None:
    first = await _called_and_written_to_nobody(service, twilio)
    await service.grow(*topics)
    await _write_all(service, "dos")
    service.env["TOPIC_PARTITIONS"] = str(_GROWN)
    if topics:
        refused, log = await service.start("worker")
        assert await code_of(refused) == 2, log.read_text()

    code, told = await service.run("repartition", "--dry-run", "--json")
    assert (code, json.loads(told)["dry_run"]) == (0, True)
    assert json.loads(told)["moved"][INBOUND_MESSAGE] == 2 * len(_NUMBERS)
    code, told = await service.run("repartition", "--yes", "--json")
    assert (code, json.loads(told)["partitions"]) == (0, _GROWN)
    assert json.loads(told)["moved"] == {
        "call-completed": 0,
        "inbound-message": 2 * len(_NUMBERS),
        "message-status": 0,
        "conversation-command": 0,
    }

    for command in ALL:
        await service.start(command)
    await service.ready(*ALL)
    await _write_all(service, "tres")
    await _all_said(twilio, first + 3)
    for number in _NUMBERS:
        assert _lines(twilio, number)[first:] == ["uno", "dos", "tres"]
    assert await service.health() == "connected"
    code, told = await service.run("stats", "--check", "--json", "--wait", "60")
    assert code == 0, told


async def test_other_topics_with_fewer_partitions_take_their_place(
    service: Service, twilio: Simulator
) -> None:
    first = await _called_and_written_to_nobody(service, twilio)
    former = service.settings.topic_prefix
    service.env |= {"TOPIC_PREFIX": f"other-{former}", "TOPIC_PARTITIONS": "2"}
    service.settings = load_settings(service.env)

    code, told = await service.run("repartition", "--from", former, "--yes", "--json")
    assert (code, json.loads(told)["partitions"]) == (0, 2)
    assert json.loads(told)["moved"][INBOUND_MESSAGE] == len(_NUMBERS)
    await service.start("worker")
    await service.ready("worker")
    await _write_all(service, "dos")
    await _all_said(twilio, first + 2)
    for number in _NUMBERS:
        assert _lines(twilio, number)[first:] == ["uno", "dos"]
    code, told = await service.run("repartition", "--from", former, "--dry-run", "--json")
    assert (code, sum(json.loads(told)["moved"].values())) == (0, 0), "all of it counts as read"
