"""`stats --check` and `--rebuild` against three stats workers that are killed and join while conversations go on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from pydantic_core import to_json

from cli.stats import run_stats
from db.pool import Pool
from schemas.settings import Settings, load_settings
from schemas.topics import CONVERSATION_EVENT
from tests.support.journal import Chat, chat_on
from tests.support.stats_process import StatsProcess

_CHATS = 40
_PATIENCE_SECONDS = 60.0
Command = Callable[..., Awaitable[tuple[int, Any]]]


class World:
    """Conversations that go on, and the outbox that takes their events to Kafka."""

    def __init__(self, pool: Pool, producer: AIOKafkaProducer, settings: Settings) -> None:
        self._pool = pool
        self._producer = producer
        self._topic = settings.topic_prefix + CONVERSATION_EVENT
        self.rounds = 0

    async def begin(self) -> list[Chat]:
        first = await chat_on(self._pool)
        chats = [Chat(self._pool, first.journal, number=f"+5731385390{number:02d}") for number in range(_CHATS)]
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


@pytest.fixture
def command(env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `stats` as the program does; gives the exit code and what it printed."""

    async def run(worker: StatsProcess, **options: bool) -> tuple[int, Any]:
        settings = load_settings({**env, "STATS_URL": f"http://127.0.0.1:{worker.port}"})
        asked: dict[str, Any] = {"check": False, "rebuild": False, "patience": _PATIENCE_SECONDS, "as_json": True} | options
        code = await asyncio.to_thread(run_stats, settings, **asked)
        return code, json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return run


async def test_tables_and_postgres_agree_whatever_happens(
    workers: list[StatsProcess], producer: AIOKafkaProducer, settings: Settings, pool: Pool, command: Command
) -> None:  # fmt: skip
    first, second, third = workers
    world = World(pool, producer, settings)
    chats = await world.begin()
    await world.publish()
    await first.start()
    await first.ready()
    async with world.going_on(chats):
        await second.start()
        await second.ready()
        await first.kill()
        await third.start()
        await third.ready()
    code, found = await command(third, check=True)
    assert (code, found["conversations"], found["differences"]) == (0, _CHATS, [])

    await _lost_events_are_found(world, chats, pool, third, command)
    await _changed_rows_are_told_and_made_again(pool, second, command)


async def _lost_events_are_found(
    world: World, chats: list[Chat], pool: Pool, worker: StatsProcess, command: Command
) -> None:
    """The record knows of its gap, and is made again from Postgres."""
    await world.talk(chats)
    begun = await chats[0].write("se pierde")
    assert begun.turn is not None
    await chats[0].send(begun.turn, "también")
    await world.publish(lose=await _id_of(pool, chats[0]))
    await world.talk(chats)
    code, found = await command(worker, check=True)
    assert (code, found["differences"]) == (0, [])


async def _changed_rows_are_told_and_made_again(pool: Pool, worker: StatsProcess, command: Command) -> None:
    """Somebody changes Postgres by hand: each difference is told, and gone after a rebuild."""
    changed: int = await pool.fetchval(
        "UPDATE conversation_state SET status = 'closed' WHERE id = (SELECT min(id) FROM conversation_state) RETURNING id"
    )
    await pool.execute("DELETE FROM conversation_messages WHERE conversation_id = $1 AND direction = 'inbound'", changed)
    code, found = await command(worker, check=True, patience=3)
    assert code == 1
    assert {"status", "received"} <= {each["field"] for each in found["differences"]}
    assert all("*" in each["conversation"] or each["conversation"] == "all" for each in found["differences"])
    code, found = await command(worker, rebuild=True)
    assert (code, found["rebuilt"]["looked_at"], found["rebuilt"]["changed"]) == (0, _CHATS, 1)
    code, found = await command(worker, check=True)
    assert (code, found["differences"]) == (0, [])


async def _id_of(pool: Pool, chat: Chat) -> int:
    found: int = await pool.fetchval("SELECT id FROM conversation_state WHERE phone_number = $1", chat.number)
    return found


def test_numbers_are_spread_over_the_partitions() -> None:
    partitions = {(murmur2(f"+5731385390{number:02d}".encode()) & 0x7FFFFFFF) % 4 for number in range(_CHATS)}
    assert partitions == set(range(4))
