"""Conversations that go on in Postgres, and the outbox that takes their events to Kafka."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from pydantic_core import to_json

from db.pool import Pool
from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT
from tests.support.journal import Chat, chat_on

CHATS = 40


class StatsWorld:
    """`CHATS` conversations, spread over all partitions."""

    def __init__(self, pool: Pool, producer: AIOKafkaProducer, settings: Settings) -> None:
        self._pool = pool
        self._producer = producer
        self._topic = settings.topic_prefix + CONVERSATION_EVENT
        self.rounds = 0

    async def begin(self) -> list[Chat]:
        first = await chat_on(self._pool)
        chats = [Chat(self._pool, first.journal, number=f"+5731385390{number:02d}") for number in range(CHATS)]
        for number, chat in enumerate(chats):
            chat._written = 1_000_000 * number  # the messages' ids are one space
            await chat.called(f"call-{number}", batch_id=f"b{number % 3}")
        return chats

    async def talk(self, chats: list[Chat]) -> None:
        """Each client writes and is answered."""
        for chat in chats:
            begun = await chat.write(f"mensaje {self.rounds}")
            assert begun.turn is not None
            await chat.send(begun.turn, "respuesta")
        self.rounds += 1
        await self.publish()

    async def publish(self, *, lose: int | None = None) -> None:
        """Take the outbox to Kafka; `lose`: a conversation whose events vanish on the way."""
        rows = await self._pool.fetch("DELETE FROM conversation_outbox RETURNING conversation_id, number, payload")
        for row in sorted(rows, key=lambda row: (row["conversation_id"], row["number"])):
            if row["conversation_id"] != lose:
                await self._producer.send(self._topic, to_json(row["payload"]), row["payload"]["phone_number"].encode())
        await self._producer.flush()

    @asynccontextmanager
    async def going_on(self, chats: list[Chat]) -> AsyncIterator[None]:
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
