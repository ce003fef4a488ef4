"""Former-build processes that run on during `migrate`: a worker with a message in its hands; a web."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from aiohttp import ClientError, ClientSession, web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import murmur2

from cli.upgrade import upgrade_of
from clients.kafka.topics import ensure_topics
from db.migrate import migrate
from schemas.documents import now
from schemas.events import InboundMessage
from schemas.settings import load_settings
from tests.recorded.build_0020.people import Person
from tests.support import former_build
from tests.support.deadline import eventually
from tests.support.gateway import signed
from tests.support.processes import code_of, environment
from tests.support.recorded import restore
from tests.support.servers import Databases
from tests.support.vendor_servers import served

_PREFIX = "former."
_SENDER = "whatsapp:+14155238886"
_PARTITIONS = 8
_READ_MS = 10_000
# A fenced worker of that build gives up after 40 s without a new assignment.
_LEAVES_WITHIN_SECONDS = 90.0
_COUNTS = """SELECT (SELECT sum(version) FROM conversation_actor), (SELECT count(*) FROM conversation_log),
  (SELECT count(*) FROM conversation_messages), (SELECT sum(epoch) FROM conversation_partition)"""


class HangingTwilio:
    """Takes every message, and answers nobody. Its list is empty. `creates`: how many were asked for."""

    def __init__(self) -> None:
        self.creates = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"messages": [], "next_page_uri": None})
        self.creates += 1
        await asyncio.Event().wait()
        return web.Response()


@pytest.fixture
async def restored(databases: Databases) -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    url = (await databases.create())[1]
    connection = await asyncpg.connect(url)
    await restore(connection)
    await connection.execute("SET search_path = public")
    yield url, connection
    await connection.close()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return former_build.checkout(tmp_path_factory.mktemp("former"))


@pytest.fixture
async def kafka(kafka_bootstrap: str) -> str:
    """A Kafka with the topics."""
    await ensure_topics(
        load_settings(
            {}, kafka_bootstrap_servers=kafka_bootstrap, topic_prefix=_PREFIX, topic_partitions=_PARTITIONS
        )
    )
    return kafka_bootstrap


async def test_a_worker_neither_claims_nor_writes_nor_sends_and_leaves(
    restored: tuple[str, asyncpg.Connection], kafka: str, tmp_path: Path, sources: Path
) -> None:
    (url, database), twilio = restored, HangingTwilio()
    async with served(twilio) as twilio_url:
        env = environment(
            *(url, kafka),
            TOPIC_PREFIX=_PREFIX,
            TWILIO_API_BASE_URL=twilio_url,
            TWILIO_UNKNOWN_PATIENCE_SECONDS=1,
        )
        async with former_build.running(sources, "worker", env, tmp_path / "worker.log") as worker:
            await eventually(lambda: _has_sent(twilio), 60)
            await migrate(url, upgrade_of(load_settings({})))
            before, asked = await database.fetchrow(_COUNTS), twilio.creates
            place = await _write(kafka)
            assert await code_of(worker, _LEAVES_WITHIN_SECONDS) == 1
            assert (await database.fetchrow(_COUNTS), twilio.creates) == (before, asked)
    assert await _committed(kafka, place) <= place[1], "the message is still this build's to answer"
    lost = "SELECT count(*) FROM conversation_sends WHERE state = 'unknown'"
    assert await database.fetchval(lost) >= 1


async def test_a_web_takes_what_clients_write_until_it_is_replaced(
    restored: tuple[str, asyncpg.Connection], kafka: str, tmp_path: Path, sources: Path
) -> None:
    url, _ = restored
    env = environment(url, kafka, TOPIC_PREFIX=_PREFIX, BACKFILL_EVERY_SECONDS=0, BACKFILL_HOURS=0)
    base, path = f"http://127.0.0.1:{env['PORT']}", "/webhook/twilio/incoming"
    sid = "SM" + "b" * 32
    params = {
        "MessageSid": sid,
        "From": f"whatsapp:{Person.FINISHED}",
        "To": "whatsapp:+14155238886",
        "Body": "¿Y ahora?",
        "NumMedia": "0",
    }
    headers = signed(path, params, base, env["TWILIO_AUTH_TOKEN"])
    async with former_build.running(sources, "web", env, tmp_path / "web.log"), ClientSession(base) as client:
        await eventually(lambda: _is_ready(client), 60)
        await migrate(url, upgrade_of(load_settings({})))
        async with client.post(path, data=params, headers=headers) as answer:
            assert answer.status == 200
    assert sid in await _told(kafka)


async def _has_sent(twilio: HangingTwilio) -> bool:
    return twilio.creates > 0


async def _is_ready(client: ClientSession) -> bool:
    try:
        async with client.get("/ready") as answer:
            return answer.status == 200
    except ClientError:
        return False


async def _told(kafka: str) -> list[str]:
    """Return the ids of the messages in the topic."""
    async with AIOKafkaConsumer(
        f"{_PREFIX}inbound-message",
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    ) as consumer:
        found = await consumer.getmany(timeout_ms=_READ_MS)
    return [
        InboundMessage.from_json(record.value).event_id for records in found.values() for record in records
    ]


async def _write(kafka: str) -> tuple[TopicPartition, int]:
    """A client writes; returns where the message lies."""
    number = str(Person.FINISHED)
    params = {"From": f"whatsapp:{number}", "Body": "¿Y ahora?", "NumMedia": "0"}
    message = InboundMessage(event_id="SM" + "a" * 32, received_at=now(), params=params)
    partition = (murmur2(number.encode()) & 0x7FFFFFFF) % _PARTITIONS
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        topic = f"{_PREFIX}inbound-message"
        record = await producer.send_and_wait(topic, message.to_json(), number.encode(), partition=partition)
    return TopicPartition(topic, partition), record.offset


async def _committed(kafka: str, place: tuple[TopicPartition, int]) -> int:
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka, group_id=f"{_PREFIX}whatsapp-worker", enable_auto_commit=False
    ) as consumer:
        consumer.assign([place[0]])
        return await consumer.committed(place[0]) or 0
