"""A stats worker beside the world's own, with topics and a database of its own. The world's stand still."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
from aiokafka import AIOKafkaProducer

from clients.kafka.topics import ensure_topics
from db.migrate import migrate
from local.process import free_port
from schemas.events import ConversationEvent, EventType
from schemas.settings import load_settings
from schemas.topics import CONVERSATION_EVENT
from tests.bench.world import World
from tests.support.deadline import eventually
from tests.support.stats_process import StatsProcess

_TURN: tuple[EventType, ...] = ("received", "answered", "sent", "delivered")
_PATIENCE_SECONDS = 300.0
# A look costs the worker a millisecond.
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Stage:
    """A stats worker and the environment of its processes."""

    env: dict[str, str]
    worker: StatsProcess

    @property
    def pid(self) -> int:
        assert self.worker.process is not None
        return self.worker.process.pid

    async def have(self, conversations: int, events: int) -> None:
        """Put this many events of this many conversations into the topic."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.env["KAFKA_BOOTSTRAP_SERVERS"], linger_ms=20, max_batch_size=256 * 1024
        )
        await producer.start()
        for key, value in _events(conversations, events):
            await producer.send(self.env["TOPIC_PREFIX"] + CONVERSATION_EVENT, value, key)
        await producer.stop()

    async def know(self, conversations: int) -> None:
        """Add them to Postgres too. Call this after counting: what the worker lacks it takes from there."""
        connection = await asyncpg.connect(self.env["DATABASE_URL"])
        await connection.execute(_ROWS, conversations)
        await connection.close()

    async def counted(self) -> float:
        """Return how many events the worker has counted."""
        response = await self.worker.get("/metrics")
        lines = response.text.splitlines() if response is not None else []
        return sum(
            float(line.split()[1]) for line in lines if line.startswith("whatsapp_stats_events_counted_total")
        )

    async def until_counted(self, wanted: int) -> float:
        """Wait until it has counted this many; return how many it has really counted."""

        async def look() -> float | None:
            found = await self.counted()
            return found if found >= wanted else None

        return await eventually(look, _PATIENCE_SECONDS, every=_LOOK_SECONDS) or 0.0

    async def until_complete(self) -> None:
        """Wait until its figures are available."""
        await eventually(self.worker.figures, _PATIENCE_SECONDS, every=_LOOK_SECONDS)


@asynccontextmanager
async def stage(world: World) -> AsyncIterator[Stage]:
    """Set one up. Whatever happens, its worker does not outlive it."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    database = await world.postgres.create_database(name)
    await migrate(database)
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": world.kafka.bootstrap_servers,
        "DATABASE_URL": database,
        "TOPIC_PREFIX": f"{name}.",
        "LOG_LEVEL": "WARNING",
    }
    await ensure_topics(load_settings(env))
    made = Stage(env, StatsProcess(env, free_port(), world.folder / f"{name}.log"))
    try:
        yield made
    finally:
        if made.worker.process is not None and made.worker.process.returncode is None:
            await made.worker.kill()
        await world.postgres.drop_database(name)


def _events(conversations: int, count: int) -> list[tuple[bytes, bytes]]:
    """Return pairs of key and value: each conversation starts, then goes through turn after turn."""
    told = []
    for place in range(count):
        conversation, number = place % conversations, place // conversations + 1
        kind: EventType = "started" if number == 1 else _TURN[(number - 2) % len(_TURN)]
        data = {
            "batch_id": f"b{conversation % 5}",
            "turn_id": number,
            "response_seconds": 2.5 if kind == "sent" else None,
        }
        phone = f"+573{conversation:09d}"
        event = ConversationEvent(
            event_id=f"{conversation + 1}:{number}",
            number=number,
            conversation_id=conversation + 1,
            phone_number=phone,
            type=kind,
            at=datetime.now(UTC),
            data=data,
        )
        told.append((phone.encode(), event.to_json()))
    return told


_ROWS = """
WITH conversations AS (
  INSERT INTO conversation_state (phone_number, elevenlabs_conversation_id, agent_id)
  SELECT '+573' || lpad(n::text, 9, '0'), 'conv', 'agent' \
FROM generate_series(0, $1 - 1) AS n RETURNING id, phone_number)
INSERT INTO conversation_log (conversation_id, number, phone_number, partition, sequence, type, at, data)
SELECT id, 1, phone_number, 0, id, 'started', now(), '{"data": {}, "state": {"status": "active"}}' \
FROM conversations
"""
