"""What a transaction wrote is done once it is committed, and never if it is aborted."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer
from faust.types import TP

from clients.kafka.group_lag import GroupLag
from schemas.settings import load_settings
from streams.engine.intake import attach
from streams.replay.reader import Reader
from streams.replay.window import Window
from tests.support.deadline import eventually
from tests.support.faust_app import Broker, Engine, running
from tests.support.servers import needs_apache

pytestmark = needs_apache


@asynccontextmanager
async def transactional(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    name = f"t-{uuid.uuid4().hex[:8]}"
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name) as producer:
        yield producer


async def _write(producer: AIOKafkaProducer, topic: str, *values: bytes) -> None:
    for value in values:
        await producer.send_and_wait(topic, value, value)


async def test_a_worker_does_what_is_committed_alone_and_its_offsets_pass_the_rest(
    kafka_bootstrap: str, tmp_path: Path
) -> None:
    broker, group, done = Broker(kafka_bootstrap), f"group-{uuid.uuid4().hex[:8]}", list[str]()
    topic = await broker.topic()
    place = TP(topic, 0)

    async def handle(offset: int, key: str) -> None:
        done.append(key)

    app = broker.app(group, tmp_path, stock=False)
    app.engine = engine = Engine(handle)
    attach(app, [topic], "", broker.source(app, topic).schema, engine.take)
    lag = GroupLag(load_settings({}, kafka_bootstrap_servers=kafka_bootstrap), group, look_up_seconds=10)
    await lag.start()
    async with (
        transactional(kafka_bootstrap) as first,
        transactional(kafka_bootstrap) as second,
        running(app),
    ):
        await first.begin_transaction()
        await _write(first, topic, b"a")
        await first.abort_transaction()
        await first.begin_transaction()
        await _write(first, topic, b"b", b"c", b"d")
        await second.begin_transaction()
        await _write(second, topic, b"e")
        await second.commit_transaction()
        assert done == [], "the first one is still open"
        assert await lag.behind([place]) <= 2
        await first.abort_transaction()

        async def is_done() -> bool:
            return done == ["e"]

        async def is_passed() -> bool:
            await app.consumer.commit()
            return await lag.behind([place]) == 0

        await eventually(is_done)
        await eventually(is_passed)
        ends = await app.consumer.highwaters(place)
        assert app.consumer.read_up_to(place, 8) == ends[place], (
            "the end is reached, though no record stands there"
        )
    await lag.stop()
    assert await broker.committed(group, topic) == ends[place]
    assert done == ["e"]


async def test_a_replay_reads_what_is_committed_alone(kafka_bootstrap: str) -> None:
    broker = Broker(kafka_bootstrap)
    topic = await broker.topic()
    async with transactional(kafka_bootstrap) as producer:
        for value in (b"kept", b"gone"):
            await producer.begin_transaction()
            await _write(producer, topic, value)
            await (producer.commit_transaction() if value == b"kept" else producer.abort_transaction())
        await producer.begin_transaction()
        await _write(producer, topic, b"open")
        async with (
            asyncio.timeout(20),
            Reader(load_settings({}, kafka_bootstrap_servers=kafka_bootstrap), topic, Window()) as reader,
        ):
            values = [
                record.value for records in [batch async for batch in reader.batches()] for record in records
            ]
        await producer.abort_transaction()
    assert values == [b"kept"]
