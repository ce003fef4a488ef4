"""Faust apps of a test's own on a real broker: stock Faust, or as this service builds them."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faust.transport.drivers.aiokafka import Transport
from faust.types import TP

from mailboxes.mailbox import Mailbox
from mailboxes.ports import KeyWrite, Limits, Outcome, Record, Step, Verdict
from schemas.settings import load_settings
from streams.engine.app import RawSchema, create_app
from streams.engine.offsets import TopicPartition as Source
from streams.engine.transports import OneLoopTransport

# Each key writes alone, and all at once: one that waits holds no other back.
_LIMITS = Limits(partition=10_000, source=10_000, work=10_000, group=1, groups=10_000)
_NO_OFFSET = -1
_MOST_PARTITIONS = 4

Handle = Callable[[int, str], Awaitable[None]]
"""Handle the event at an offset with a key."""


class _Behaviour:
    """Behaviour that writes each offset that a key is told of."""

    def handle(self, state: None, message: int, now: float) -> Step[None, Any, int]:
        return Step(None, message)

    def wanted(self, state: None, now: float) -> Iterable[Any]:
        return ()

    def due(self, state: None) -> None:
        return None

    def committed(self, effect: Any) -> bool:  # noqa: ANN401 - it has none
        return False

    def woken(self, now: float) -> int:
        return _NO_OFFSET

    def recovered(self, running: frozenset[str]) -> int:
        return _NO_OFFSET

    def open_work(self, state: None) -> int:
        return 0

    def size(self, state: None) -> int:
        return 0


class Engine:
    """The least that our consumer and a mailbox need of each other.

    An event is done when `handle` has returned. `drain_seconds` is the cap of a drain.
    """

    def __init__(self, handle: Handle, drain_seconds: float = 10.0) -> None:
        self._handle = handle
        self._drain_seconds = drain_seconds
        self.found_lost: dict[TP, tuple[int, int, int]] = {}
        self._mailbox = Mailbox[None, int, Any, int](_Behaviour(), self, self, _LIMITS, time.time)
        self._mailbox.assign(dict.fromkeys(range(_MOST_PARTITIONS), 1))  # stock Faust reports no assignment

    async def drain(self) -> None:
        await self._mailbox.drain(self._drain_seconds)

    async def assigned(self, partitions: set[TP]) -> None:
        self._mailbox.revoke(list(self._mailbox.owned))
        self._mailbox.assign({tp.partition: 1 for tp in partitions})

    def sought(self, offsets: dict[TP, int]) -> None:
        return None

    async def read_on(self) -> None:
        return None

    def lost(self, found: dict[TP, tuple[int, int, int]]) -> None:
        self.found_lost |= found

    async def take(self, source: Source, event: Any) -> None:  # noqa: ANN401 - a Faust event
        message = event.message
        record = Record(
            source=source.topic,
            partition=source.partition,
            offset=message.offset,
            key=message.key.decode(),
            message=message.offset,
            token=event,
            generation=self._mailbox.generation,
        )
        await self._mailbox.deliver(record)

    # The mailbox's store and host.

    async def load(self, keys: Sequence[str]) -> Mapping[str, None]:
        return dict.fromkeys(keys)

    async def append(self, writes: Sequence[KeyWrite[int]]) -> Sequence[Outcome | Exception]:
        for write in writes:
            for offset in write.writes:
                if offset != _NO_OFFSET:
                    await self._handle(offset, write.key)
        return [Outcome.WRITTEN] * len(writes)

    async def perform(self, key: str, effect: Any) -> int | None:  # noqa: ANN401
        return None

    async def rejected(self, key: str, message: int | None, error: Exception, attempt: int) -> Verdict:
        return Verdict.RETRY

    def release(self, token: Any) -> None:  # noqa: ANN401 - a Faust event
        token.ack()

    def given_up(self, partition: int, error: BaseException) -> None:
        return None

    def orphaned(self, key: str, message: int) -> None:
        return None


class Broker:
    """A real broker, and topics of a test's own."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    async def topic(self, partitions: int = 1, name: str = "") -> str:
        """Make a topic, with a name of its own unless one is given."""
        name = name or f"trap-{uuid.uuid4().hex[:8]}"
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, partitions, 1)])
        finally:
            await admin.close()
        return name

    async def produce(self, topic: str, count: int) -> None:
        """Produce events, each with another key."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        await producer.start()
        try:
            for sent in [await producer.send(topic, b"v", f"k{number}".encode()) for number in range(count)]:
                await sent
        finally:
            await producer.stop()

    async def committed(self, group: str, topic: str) -> int:
        """Return the offset that a group has committed on a topic's first partition."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            return await consumer.committed(TopicPartition(topic, 0)) or 0
        finally:
            await consumer.stop()

    async def commit(self, group: str, topic: str, offset: int) -> None:
        """Commit for a group without members."""
        place = TopicPartition(topic, 0)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign([place])
            await consumer.commit({place: offset})
        finally:
            await consumer.stop()

    def app(
        self,
        name: str,
        folder: Path,
        *,
        stock: bool,
        ours: type[Transport] = OneLoopTransport,
        **over: object,
    ) -> faust.App:
        """Make an app with our settings and transport, the worker's by default; `stock`: with Faust's own."""
        app = create_app(
            name, load_settings({}, kafka_bootstrap_servers=self.bootstrap), folder, ours, **over
        )
        if stock:
            app.transport = Transport(app.conf.broker, app, loop=None)
        return app

    def source(self, app: faust.App, topic: str) -> Any:  # noqa: ANN401 - faust is untyped
        return app.topic(topic, schema=RawSchema())


@asynccontextmanager
async def running(app: faust.App) -> AsyncIterator[faust.App]:
    """Run an app in this loop."""
    app.finalize()
    await app.start()
    try:
        yield app
    finally:
        stopping = asyncio.create_task(app.stop())
        await asyncio.wait({stopping}, timeout=3)
