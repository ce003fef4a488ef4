"""Tables rebuilt from a topic's records, as `replay --mode rebuild` does it, without Kafka."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime

from db.comparison import Difference
from db.pool import Pool
from db.rebuild import Target, tables
from rules.policy import Policy
from schemas.phone import number_digest
from streams.replay.reader import Record
from streams.replay.rebuild import Rebuild, Rebuilt
from tests.support.chat import policy_of
from tests.support.told_chat import PARTITIONS

PHONES = ("+573138530001", "+573138530002")
ERASED = "+573138530009"


async def rebuilt(
    target: Target,
    records: Sequence[Record],
    size: int,
    erased: dict[str, datetime] | None = None,
    policy: Policy | None = None,
) -> Rebuilt:
    """Fill a target's tables, `size` records at a time. `erased`: when a number was, by number."""
    await target.claim(range(PARTITIONS))
    known = await target.erasures()
    more = {number_digest(known.key, number): at for number, at in (erased or {}).items()}
    rebuild = Rebuild(target, policy or policy_of(), replace(known, at={**known.at, **more}))
    await rebuild.events(_batches(records, size), lambda count: None)
    return rebuild.result


async def made_anew(
    url: str, records: Sequence[Record], size: int = 1000, policy: Policy | None = None
) -> Rebuilt:
    """Fill a database that is then worked with."""
    async with tables(url, beside=False) as target:
        result = await rebuilt(target, records, size, policy=policy)
        await target.finish(result.numbers, result.ids, result.erasures)
        return result


async def beside(url: str, records: Sequence[Record], size: int = 1000) -> list[Difference]:
    """Rebuild the tables beside a database's own; return what differs, table by table."""
    async with tables(url, beside=True) as target:
        await rebuilt(target, records, size)
        return await target.differences(5)


async def _batches(records: Sequence[Record], size: int) -> AsyncIterator[Sequence[Record]]:
    for place in range(0, len(records), size):
        yield records[place : place + size]


async def rows_of(pool: Pool) -> dict[str, list[dict[str, object]]]:
    """Return all that the log tells, row by row.

    `sequence` is left out, as it has holes where writes were refused; its order is kept.
    """
    found = {}
    for table, (key, without) in _TABLES.items():
        rows = await pool.fetch(
            f"SELECT to_jsonb(t) - $1::text[] AS row FROM {table} t ORDER BY {key}", without
        )
        found[table] = [row["row"] for row in rows]
    return found


# Each write of an actor has its own id, and a rebuild needs fewer writes.
_TABLES: dict[str, tuple[str, list[str]]] = {
    "conversation_state": ("id", []),
    "conversation_messages": ("id", []),
    "conversation_actor": ("phone_number", ["version", "write_id"]),
    "conversation_log": ("partition, sequence", ["sequence"]),
    "conversation_sends": ("own_id", []),
    "conversation_seen": ("kind, event_id", []),
    "conversation_suppression": ("phone_number", []),
    "conversation_backend_posts": ("conversation_id, number", []),
    "conversation_erasure": ("number_digest", []),
}
