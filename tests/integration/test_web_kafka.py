"""The gateway publishing to a real broker and Postgres: a broker that freezes, and one that is not there."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from clients.kafka.topics import ensure_topics
from db.pool import Pool
from local.kafka.server import RunningKafka, start_kafka
from local.process import free_port
from schemas.errors import Unavailable
from schemas.settings import Settings, load_settings
from schemas.topics import INBOUND_MESSAGE
from tests.support.deadline import eventually
from tests.support.servers import needs_apache
from web.database import Database
from web.kafka_link import KafkaLink
from web.notifications import SPOOL, Notifications
from web.publisher import Publisher
from web.spool import Content, Spool


@pytest.fixture
async def broker(tmp_path: Path, jars: Path) -> AsyncIterator[RunningKafka]:
    """A broker of the test's own: it is frozen and ended."""
    running = await start_kafka(tmp_path / "kafka", jars)
    yield running
    running.process.send(signal.SIGCONT)
    await running.stop()


def _settings(bootstrap: str, database_url: str) -> Settings:
    return load_settings({}, kafka_bootstrap_servers=bootstrap, database_url=database_url, topic_partitions=2)


class Web:
    """One web process' publishing."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self.spool = Spool(Database(pool))
        self.kafka = KafkaLink(settings)
        self.publisher = Publisher(self.kafka, self.spool)

    async def publish(self, key: str, value: object) -> None:
        await self.publisher.publish(INBOUND_MESSAGE, key, str(value).encode(), "r-1")

    async def ready(self) -> bool:
        return self.kafka.answers and self.spool.content is Content.EMPTY


@asynccontextmanager
async def web(settings: Settings, pool: Pool) -> AsyncIterator[Web]:
    process = Web(settings, pool)
    assert settings.database_url is not None
    notifications = Notifications(
        settings.database_url, {SPOOL: process.spool.heard}, process.spool.listening
    )
    tasks = [asyncio.create_task(process.publisher.work()), asyncio.create_task(notifications.listen())]
    try:
        yield process
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await process.kafka.close()
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


async def _freeze(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)

    async def all_threads_stand() -> bool:
        stats = [file.read_text().rpartition(")")[2] for file in Path(f"/proc/{pid}/task").glob("*/stat")]
        return all(stat.split()[0] == "T" for stat in stats)

    await eventually(all_threads_stand, every=0.01)


async def _records(settings: Settings) -> dict[str, list[int]]:
    """Return the values by key; repetitions of an event count at their first place."""
    consumer = AIOKafkaConsumer(
        INBOUND_MESSAGE,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        auto_offset_reset="earliest",
        group_id=None,
        client_id=uuid.uuid4().hex,
    )
    await consumer.start()
    found: dict[str, list[int]] = {}
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    assert record.headers == (("x-request-id", b"r-1"),)
                    values = found.setdefault(record.key.decode(), [])
                    if int(record.value) not in values:
                        values.append(int(record.value))
    finally:
        await consumer.stop()
    return found


@needs_apache
async def test_a_frozen_broker_loses_and_reorders_nothing(
    broker: RunningKafka, pool: Pool, database_url: str
) -> None:
    settings = _settings(broker.bootstrap_servers, database_url)
    await ensure_topics(settings)
    async with web(settings, pool) as one, web(settings, pool) as two:
        await eventually(one.ready)
        await eventually(two.ready)
        for value in range(5):
            await one.publish("k", value)
        assert await pool.fetchval("SELECT count(*) FROM conversation_spool") == 0
        await _freeze(broker.process.pid)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await one.publish("k", 5)
        assert loop.time() - begun < 6  # the backend waits 10 s
        for value in range(6, 20):
            await (one, two)[value % 2].publish("k", value)
        kept = await pool.fetch("SELECT value FROM conversation_spool ORDER BY id")
        assert [int(row["value"]) for row in kept] == list(range(5, 20))
        broker.process.send(signal.SIGCONT)
        for value in range(20, 300):  # the client goes on writing while the spool is emptied
            await (one, two)[value % 2].publish("k", value)
        await eventually(one.ready)
        await eventually(two.ready)
        await one.publish("k", 300)
    assert await _records(settings) == {"k": list(range(301))}


async def test_web_starts_without_a_broker_and_publishes_when_it_comes(
    tmp_path: Path, jars: Path, pool: Pool, database_url: str
) -> None:
    port = free_port()
    settings = _settings(f"127.0.0.1:{port}", database_url)
    async with web(settings, pool) as process:
        for value in range(20):
            await process.publish(f"k{value % 4}", value)
        assert process.kafka.state == "disconnected"
        broker = await start_kafka(tmp_path / "kafka", jars, port=port)
        try:

            async def topics_are_missed() -> bool:
                return process.kafka.state == "error"

            await eventually(topics_are_missed)
            await ensure_topics(settings)
            await eventually(process.ready)
            assert await _records(settings) == {f"k{key}": list(range(key, 20, 4)) for key in range(4)}
        finally:
            await broker.stop()


async def test_neither_kafka_nor_postgres_is_unavailable(pool: Pool, database_url: str) -> None:
    process = Web(_settings(f"127.0.0.1:{free_port()}", database_url), pool)
    await process.kafka.keep()
    await pool.close()
    with pytest.raises(Unavailable):
        await process.publish("k", 1)
