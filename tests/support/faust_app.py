"""Faust apps of a test's own on a real broker: stock as it comes, or as this service makes them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faust.transport.drivers.aiokafka import Transport
from faust.types import TP

from schemas.settings import load_settings
from streams.engine.app import RawSchema, create_app
from streams.engine.mailbox import Mailboxes
from streams.engine.one_loop import OneLoopTransport
from streams.engine.work import TopicPartition as Source
from streams.engine.work import WorkItem

Handle = Callable[[int, str], Awaitable[None]]
"""Handles the event at an offset with a key."""


class Engine:
    """The least that our consumer and mailboxes need of each other. `drain_seconds`: the cap."""

    def __init__(self, handle: Handle, drain_seconds: float = 10.0) -> None:
        self._drain_seconds = drain_seconds
        self.found_lost: dict[TP, tuple[int, int, int]] = {}
        self.mailboxes = Mailboxes(
            lambda batch: handle(batch.first.offset, batch.key), lambda event: event.ack(), most_per_topic=500,
            largest_window=500,
        )  # fmt: skip

    async def drain(self) -> None:
        await self.mailboxes.drain(self._drain_seconds)

    async def assigned(self, partitions: set[TP]) -> None:
        await self.mailboxes.begin_generation()

    def sought(self, offsets: dict[TP, int]) -> None:
        return None

    def lost(self, found: dict[TP, tuple[int, int, int]]) -> None:
        self.found_lost |= found

    async def take(self, source: Source, event: Any) -> None:  # noqa: ANN401 - a Faust event
        message = event.message
        item = WorkItem(
            source=source, offset=message.offset, key=message.key.decode(), value=message.value, request_id=None,
            generation=self.mailboxes.generation, token=event,
        )  # fmt: skip
        await self.mailboxes.put(item)


class Broker:
    """A real broker, and topics of a test's own."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    async def topic(self, partitions: int = 1, name: str = "") -> str:
        """Make a topic, of a name of its own unless one is given."""
        name = name or f"trap-{uuid.uuid4().hex[:8]}"
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, partitions, 1)])
        finally:
            await admin.close()
        return name

    async def produce(self, topic: str, count: int) -> None:
        """Put events, each of another key."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        await producer.start()
        try:
            for sent in [await producer.send(topic, b"v", f"k{number}".encode()) for number in range(count)]:
                await sent
        finally:
            await producer.stop()

    async def committed(self, group: str, topic: str) -> int:
        """Give what a group has committed on a topic's first partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            return await consumer.committed(TopicPartition(topic, 0)) or 0
        finally:
            await consumer.stop()

    async def commit(self, group: str, topic: str, offset: int) -> None:
        """Commit for a group that nobody is in."""
        place = TopicPartition(topic, 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign([place])
            await consumer.commit({place: offset})
        finally:
            await consumer.stop()

    def app(self, name: str, folder: Path, *, stock: bool, **over: object) -> faust.App:
        """Make an app with our settings and the worker's consumer; `stock`: with the one that Faust comes with."""
        app = create_app(name, load_settings({}, kafka_bootstrap_servers=self.bootstrap), folder, OneLoopTransport, **over)
        if stock:
            app.transport = Transport(app.conf.broker, app, loop=None)
        return app

    def source(self, app: faust.App, topic: str) -> Any:  # noqa: ANN401 - faust is untyped
        return app.topic(topic, schema=RawSchema())


@asynccontextmanager
async def running(app: faust.App) -> AsyncIterator[faust.App]:
    """Run an app in this very loop."""
    app.finalize()
    await app.start()
    try:
        yield app
    finally:
        stopping = asyncio.create_task(app.stop())
        await asyncio.wait({stopping}, timeout=3)
