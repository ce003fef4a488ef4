"""Tables made again from what a journal has told, as `replay --mode rebuild` does, without Kafka between."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from db.pool import Pool
from db.rebuild import Target, connect
from schemas.documents import now
from streams.conversation.keywords import Keywords
from streams.replay.reader import Record
from streams.replay.rebuild import Rebuild, Rebuilt

PHONES = ("+573138530001", "+573138530002")
ERASED = "+573138530009"


async def log_of(pool: Pool) -> list[Record]:
    """What the outbox would have brought to Kafka."""
    rows = await pool.fetch("SELECT payload FROM conversation_outbox ORDER BY conversation_id, number")
    values = [json.dumps(row["payload"]).encode() for row in rows]
    return [Record("conversation-event", 0, n, b"", value, now()) for n, value in enumerate(values)]


async def inbound_log(pool: Pool) -> list[Record]:
    """The clients' own events, as web published them."""
    rows = await pool.fetch("SELECT payload FROM conversation_input WHERE kind = 'message' ORDER BY position")
    names = ("event_id", "received_at", "params", "request_id")
    values = [json.dumps({name: row["payload"][name] for name in names}).encode() for row in rows]
    return [Record("inbound-message", 0, n, b"", value, now()) for n, value in enumerate(values)]


async def rebuilt(target: Target, events: Sequence[Record], inputs: Sequence[Record], size: int) -> Rebuilt:
    """Fill a target's tables, so many records at once; nothing of `ERASED` is taken."""
    rebuild = Rebuild(target, Keywords({}), lambda phone, at: phone == ERASED)
    await rebuild.events(_batches(events, size), lambda count: None)
    await rebuild.inputs(_batches(inputs, size), lambda count: None)
    return rebuild.result


async def _batches(records: Sequence[Record], size: int) -> AsyncIterator[Sequence[Record]]:
    for place in range(0, len(records), size):
        yield records[place : place + size]


async def beside(url: str, events: Sequence[Record], inputs: Sequence[Record], size: int = 1000) -> list[dict[str, Any]]:
    """Make the tables again beside a database's own; gives what differs, table by table."""
    connection = await connect(url)
    try:
        target = Target(connection)
        await target.open(beside=True)
        await rebuilt(target, events, inputs, size)
        return await target.differences(5)
    finally:
        await connection.close()
