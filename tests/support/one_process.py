"""Web and a worker's heart in one process, over Postgres, with Kafka, the vendors and Faust replaced.

The broker is a list: a record that web publishes is handed to the heart at once, under its partition.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from clients.kafka.producer import Headers, Producer, partition_of
from clients.twilio.api import TwilioApi
from clients.twilio.media import TwilioMedia
from clients.vendors import Vendors
from clients.views import StatsView
from db.pool import Pool
from db.store.load import clock as database_clock
from rules.policy import Policy
from schemas.settings import Settings
from schemas.topics import INBOUND_MESSAGE
from streams.actors.clock import DatabaseClock
from streams.actors.ids import Ids
from streams.engine.following import follow
from streams.engine.offsets import TopicPartition
from streams.worker.heart import Heart, Outside, build_heart
from tests.support.gateway import AUTH, Fakes, call, message, settings_with, signed
from tests.support.simulators import SENDER
from web.app import Collaborators, create_app
from web.database import Database
from web.kafka_link import KafkaLink
from web.media import Media
from web.publisher import Publisher
from web.spool import Content, Spool

PARTITIONS = 2
_INCOMING = "/webhook/twilio/incoming"
_COMMON = {
    "kafka_bootstrap_servers": "127.0.0.1:9",
    "elevenlabs_api_key": "k",
    "twilio_whatsapp_from": SENDER,
    "kafka_embedded": True,
    "topic_partitions": PARTITIONS,
}


@dataclass
class Broker:
    """Stand-in for aiokafka's producer. `records`: all that was published, by topic, in order."""

    records: dict[str, list[bytes | None]] = field(default_factory=dict)
    _ends: dict[TopicPartition, int] = field(default_factory=dict)
    heart: Heart | None = None

    async def send_and_wait(
        self, topic: str, value: bytes | None, key: bytes, partition: int | None = None, headers: Headers = ()
    ) -> None:
        self.records.setdefault(topic, []).append(value)
        source = TopicPartition(
            topic, partition_of(key.decode(), PARTITIONS) if partition is None else partition
        )
        offset = self._ends[source] = self._ends.get(source, -1) + 1
        if self.heart is not None and topic in self.heart.intake.topics:
            message = SimpleNamespace(
                topic=topic,
                partition=source.partition,
                offset=offset,
                key=key,
                value=value,
                headers=list(headers),
                timestamp=time.time(),
            )
            await self.heart.intake(source, SimpleNamespace(message=message, ack=lambda: None))

    async def send(self, topic: str, value: bytes, key: bytes, headers: Headers = ()) -> asyncio.Future[None]:
        await self.send_and_wait(topic, value, key, headers=headers)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class Consumer:
    """Stand-in for Faust's consumer, which owns everything and has read everything."""

    tells_ends = True

    def assignment(self) -> set[TopicPartition]:
        topics = ("call-completed", "inbound-message", "message-status", "conversation-command")
        return {TopicPartition(topic, partition) for topic in topics for partition in range(PARTITIONS)}

    async def highwaters(self, *partitions: TopicPartition) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    def highwater(self, tp: TopicPartition) -> int:
        return 0

    def read_up_to(self, tp: TopicPartition, done: int) -> int:
        return done


@dataclass
class OneProcess:
    client: TestClient[Any, Any]
    broker: Broker
    heart: Heart

    async def call(self) -> None:
        """Post a call as the backend. The answer would come from Postgres, which nobody looks at here."""
        await self.client.post("/api/call-completed", json=call(), headers=AUTH)

    async def write(self, sid: str, text: str) -> None:
        """Write as the client."""
        params = message(sid, Body=text)
        answer = await self.client.post(_INCOMING, data=params, headers=signed(_INCOMING, params))
        assert answer.status == 200


@asynccontextmanager
async def one_process(
    pool: Pool, vendors: Callable[[Settings, aiohttp.ClientSession], Vendors], **over: object
) -> AsyncIterator[OneProcess]:
    """Run both until the body ends. `vendors` makes what the worker asks and sends with."""
    settings, broker = settings_with(**_COMMON, **over), Broker()
    async with aiohttp.ClientSession() as session:
        heart = broker.heart = await _heart(settings, pool, broker, vendors(settings, session), session)
        work = asyncio.create_task(heart.intake.work())
        async with TestClient(TestServer(_web(settings, pool, broker, session))) as client:
            try:
                yield OneProcess(client, broker, heart)
            finally:
                work.cancel()
                await heart.partitions.drain()


async def _heart(
    settings: Settings, pool: Pool, broker: Broker, vendors: Vendors, session: aiohttp.ClientSession
) -> Heart:
    clock, producer, consumer = DatabaseClock(), Producer(settings), Consumer()
    producer._producer = broker  # type: ignore[assignment]
    await clock.set(lambda: database_clock(pool))
    outside = Outside(
        settings=settings,
        partitions=PARTITIONS,
        pool=pool,
        producer=producer,
        vendors=vendors,
        session=session,
        ids=await Ids.reserve(pool),
        clock=clock,
        owner="one",
        follow=follow(settings, INBOUND_MESSAGE),
    )
    heart = build_heart(outside, Policy.of(settings), lambda: consumer)
    await heart.partitions.assigned(consumer.assignment())
    return heart


def _web(settings: Settings, pool: Pool, broker: Broker, session: aiohttp.ClientSession) -> web.Application:
    link, spool, fakes = KafkaLink(settings), Spool(Database(pool)), Fakes()
    link._producer._producer, link.state = broker, "connected"  # type: ignore[assignment]
    spool.content = Content.EMPTY
    return create_app(
        settings,
        Collaborators(
            publisher=Publisher(link, spool),
            outcomes=fakes.outcomes,
            commands=fakes.commands,
            database=fakes.rows,
            health=fakes.health(),
            stats=StatsView(settings, session),
            media=Media(fakes.rows, TwilioMedia(TwilioApi(settings, session))),
        ),
    )
