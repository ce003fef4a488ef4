"""A database made by the journal's real steps, its events put into Kafka, and made again from them by `replay`.

Nine messages a conversation: a first one, four of the client's with an answer each, every answer delivered. The row has a
database and topics of its own, so that nothing else is compared.
"""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any

from aiokafka.partitioner import murmur2

from db.migrate import migrate
from db.pool import Pool, create_pool
from schemas.documents import now
from schemas.events import CallCompleted, InboundMessage
from schemas.settings import Settings, load_settings
from streams.conversation.keywords import Keywords
from streams.engine.topics import ensure_topics
from streams.journal.journal import Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn
from streams.worker.inputs import message_input
from tests.bench.window import Figures
from tests.bench.world import World
from tests.chaos import topics

MESSAGES = 9
"""A conversation's."""
_TURNS = 4
_AT_ONCE = 200
_PARTITIONS = 8
# Rows of events read at once; they are some 1 kB each.
_PAGE = 20_000
_LONGEST_SECONDS = 1_800.0


async def rebuilt(world: World, messages: int) -> Figures:
    """Make so many messages, make them again from Kafka, compare; fails when a row that is determined differs."""
    name = f"rebuild_{uuid.uuid4().hex[:8]}"
    dsn = await world.postgres.create_database(name)
    await migrate(dsn)
    settings = load_settings(
        {}, database_url=dsn, kafka_bootstrap_servers=world.kafka.bootstrap_servers, topic_prefix=f"{name}-",
        topic_partitions=_PARTITIONS,
    )  # fmt: skip
    await ensure_topics(settings)
    pool = await create_pool(settings)
    try:
        await _make(pool, settings, messages // MESSAGES)
        events = await _publish(pool, settings)
    finally:
        await pool.close()
    told = await _replay(world, settings)
    assert told["events"] == events, told
    differing = [table for table in told["differences"] if table["examples"]]
    assert not differing, differing
    equal = {table["table"]: table["equal"] for table in told["differences"]}
    return {
        "events": events, "messages": equal["conversation_messages"], "rows_equal": sum(equal.values()),
        "rebuild_seconds": told["seconds"], "events_per_second": told["events_per_second"],
    }  # fmt: skip


async def _make(pool: Pool, settings: Settings, conversations: int) -> None:
    ownership = Ownership(pool, "bench")
    await ownership.claim(set(range(_PARTITIONS)))
    journal, keywords = Journal(pool, Steps(pool), ownership), Keywords.of(settings)
    numbers = iter(range(conversations))

    async def work() -> None:
        for number in numbers:
            await _chat(journal, keywords, f"+57310{number:07d}")

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


async def _chat(journal: Journal, keywords: Keywords, phone: str) -> None:
    partition = (murmur2(phone.encode()) & 0x7FFFFFFF) % _PARTITIONS
    recipient = {"phone_number": phone, "conversation_id": f"conv_{phone}"}
    call = CallCompleted.from_object({"agent_id": "agent", "recipient": recipient})
    turn = (await journal.begin_call(partition, call, "r")).turn
    await _answer(journal, turn, "¡Hola! Gracias por tu tiempo en la llamada.")
    for place in range(_TURNS):
        params = {"From": f"whatsapp:{phone}", "Body": f"¿Cuánto cuesta el plan {place}?"}
        event = InboundMessage(event_id=f"SM{phone}{place}", received_at=now(), params=params, request_id="r")
        turn = (await journal.begin_reply(partition, phone, [message_input(event, keywords, None)], "r")).turn
        await _answer(journal, turn, "El plan Premium cuesta $99 al mes.")


async def _answer(journal: Journal, turn: Turn | None, text: str) -> None:
    assert turn is not None, "nobody else works here"
    send = Send(own_id=str(uuid.uuid4()), to_address=turn.address, body=text)
    turn = await journal.answer(turn, {"text": text}, [send], text=text, seconds=0.1)
    sid = f"SM{send.own_id}"
    await journal.accept(turn, send, sid, None)
    await journal.report({
        "own_id": send.own_id, "sid": sid, "status": "delivered", "rank": 4, "delivered": True, "read": False,
        "failed": False, "error_code": None, "reason": None, "suppress": False, "outside": False,
    })  # fmt: skip


async def _publish(pool: Pool, settings: Settings) -> int:
    """What the outbox and web would have brought to Kafka; gives how many conversation events."""
    servers, count = str(settings.kafka_bootstrap_servers), 0
    async for rows in _pages(pool, _EVENTS):
        count += len(rows)
        await topics.produce(servers, [_record(settings, "conversation-event", *row) for row in rows])
    async for rows in _pages(pool, _INPUTS):
        await topics.produce(servers, [_record(settings, "inbound-message", *row) for row in rows])
    return count


_EVENTS = "SELECT phone_number, payload::text FROM conversation_outbox ORDER BY conversation_id, number"
_INPUTS = """SELECT phone_number, (payload - 'text' - 'address')::text FROM conversation_input
             WHERE kind = 'message' ORDER BY position"""


async def _pages(pool: Pool, sql: str) -> AsyncIterator[list[Any]]:
    async with pool.acquire() as connection, connection.transaction():
        cursor = await connection.cursor(sql)
        while rows := await cursor.fetch(_PAGE):
            yield rows


def _record(settings: Settings, topic: str, phone: str, value: str) -> topics.Record:
    return topics.Record(f"{settings.topic_prefix}{topic}", value.encode(), phone.encode())


async def _replay(world: World, settings: Settings) -> dict[str, Any]:
    env = world.env | {
        "DATABASE_URL": str(settings.database_url), "TOPIC_PREFIX": settings.topic_prefix,
        "TOPIC_PARTITIONS": str(_PARTITIONS),
    }  # fmt: skip
    command = [sys.executable, "-m", "cli", "replay", "conversation-event", "--since", "1d", "--mode", "rebuild", "--json"]
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(_LONGEST_SECONDS):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    told: dict[str, Any] = json.loads(out)
    return told
