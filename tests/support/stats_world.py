"""Conversations that go on in Postgres, and what takes their events to Kafka."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from db.pool import Pool
from db.store.publication import advance, unpublished
from rules.codec import published
from schemas.documents import now
from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT
from tests.support.stored_chat import StoredChat, stored_chat

CHATS = 40
# More than a test ever writes at once.
_MOST = 100_000


class StatsWorld:
    """`CHATS` conversations over all of Kafka's partitions; the store keeps them in one."""

    def __init__(self, pool: Pool, producer: AIOKafkaProducer, settings: Settings) -> None:
        self._pool = pool
        self._producer = producer
        self._topic = settings.topic_prefix + CONVERSATION_EVENT
        self._published = 0
        self._epoch = 0
        self.rounds = 0

    async def first(self) -> StoredChat:
        """Return a chat in which nothing has happened, to make others from."""
        chat = await stored_chat(self._pool)
        self._epoch = chat.epoch
        return chat

    async def begin(self) -> list[StoredChat]:
        first = await self.first()
        chats = [first.another(f"+5731385390{number:02d}") for number in range(CHATS)]
        for number, chat in enumerate(chats):
            chat.now = now()
            chat.call(f"call-{number}", batch_id=f"b{number % 3}")
            chat.greet()
            await chat.save()
        return chats

    async def talk(self, chats: list[StoredChat]) -> None:
        """Have each client write and be answered."""
        for chat in chats:
            chat.now = now()
            chat.exchange(f"mensaje {self.rounds}", "respuesta")
            await chat.save()
        self.rounds += 1
        await self.publish()

    async def publish(self, *, lose: int | None = None) -> None:
        """Publish the log to Kafka. `lose`: a conversation whose events vanish on the way."""
        rows = await unpublished(self._pool, 0, after=self._published, most=_MOST)
        for each in rows:
            if each.conversation_id != lose:
                value, _ = published(each.row, each.phone_number, each.conversation_id)
                await self._producer.send(self._topic, value, each.phone_number.encode())
            self._published = each.row.sequence
        await self._producer.flush()
        await advance(self._pool, {0: self._epoch}, {0: self._published})

    @asynccontextmanager
    async def going_on(self, chats: list[StoredChat]) -> AsyncIterator[None]:
        stop = asyncio.Event()

        async def go_on() -> None:
            while not stop.is_set():
                await self.talk(chats)

        task = asyncio.create_task(go_on())
        try:
            yield
        finally:
            stop.set()
            await task
