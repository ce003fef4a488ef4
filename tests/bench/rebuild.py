"""`python -m tests.bench.rebuild [CONVERSATIONS]`: a database made by the journal's real steps, and again from its events.

Nine messages a conversation: a first one, four of the client's with an answer each, every answer delivered. Prints events
per second of the rebuild and how many rows of each table are equal. Kafka is left out.
"""

import asyncio
import json
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from db.migrate import migrate
from db.pool import Pool, create_pool
from db.rebuild import Target, connect
from local.postgres.server import start_postgres
from schemas.documents import now
from schemas.events import CallCompleted
from schemas.settings import load_settings
from streams.conversation.keywords import Keywords
from streams.journal.journal import Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn
from streams.replay.reader import Record
from streams.replay.rebuild import Rebuild

_CONVERSATIONS = 12_500
_TURNS = 4
_AT_ONCE = 200
_BATCH = 5_000


async def main(conversations: int) -> None:
    """Make, make again, compare."""
    with tempfile.TemporaryDirectory() as folder:
        postgres = await start_postgres(Path(folder))
        try:
            await migrate(postgres.dsn)
            pool = await create_pool(load_settings({}, database_url=postgres.dsn))
            await _make(pool, conversations)
            print(json.dumps(await _again(pool, postgres.dsn)), flush=True)  # noqa: T201
            await pool.close()
        finally:
            await postgres.stop()


async def _make(pool: Pool, conversations: int) -> None:
    ownership = Ownership(pool, "bench")
    await ownership.claim({0})
    journal, places = Journal(pool, Steps(pool), ownership), asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> None:
        async with places:
            await _chat(journal, f"+57310{number:07d}")

    await asyncio.gather(*(one(number) for number in range(conversations)))


async def _chat(journal: Journal, phone: str) -> None:
    recipient = {"phone_number": phone, "conversation_id": f"conv_{phone}"}
    call = CallCompleted.from_object({"agent_id": "agent", "recipient": recipient})
    turn = (await journal.begin_call(0, call, "r")).turn
    await _answer(journal, turn, "¡Hola! Gracias por tu tiempo en la llamada.")
    for place in range(_TURNS):
        text = f"¿Cuánto cuesta el plan {place}?"
        inputs = [{"event_id": f"SM{phone}{place}", "address": f"whatsapp:{phone}", "received_at": now(), "text": text,
                   "request_id": "r", "params": {"Body": text}}]  # fmt: skip
        turn = (await journal.begin_reply(0, phone, inputs, "r")).turn
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


async def _again(pool: Pool, dsn: str) -> dict[str, Any]:
    rows = await pool.fetch("SELECT payload::text FROM conversation_outbox ORDER BY conversation_id, number", timeout=300)
    records = [Record("conversation-event", 0, n, b"", row["payload"].encode(), now()) for n, row in enumerate(rows)]
    connection = await connect(dsn)
    try:
        target = Target(connection)
        await target.open(beside=True)
        begun = time.monotonic()
        await Rebuild(target, Keywords({}), lambda phone, at: False).events(_batches(records), lambda count: None)
        seconds = time.monotonic() - begun
        tables = await target.differences(1)
    finally:
        await connection.close()
    equal = {table["table"]: table["equal"] for table in tables}
    # Twilio's raw parameters are in `inbound-message`, which is left out here.
    differing = {table["table"]: table["examples"] for table in tables if table["examples"]}
    return {"events": len(records), "seconds": round(seconds, 1), "events_per_second": round(len(records) / seconds),
            "equal": equal, "differing": differing}  # fmt: skip


async def _batches(records: list[Record]) -> AsyncIterator[list[Record]]:
    for place in range(0, len(records), _BATCH):
        yield records[place : place + _BATCH]


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else _CONVERSATIONS))
