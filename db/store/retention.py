"""What is kept only for a time: finds what is past its time, and removes what no state depends on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import takewhile
from operator import itemgetter

from db.pool import Pool
from db.queries import load
from db.store.retry import retry

_sql = load("retention")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredMessage:
    """A message that is past its time. `sent_at`: UTC, without a zone."""

    id: int
    sent_at: datetime
    conversation_id: int
    phone_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OldEvent:
    """An event of the log that is past its time."""

    sequence: int
    conversation_id: int
    phone_number: str
    number: int
    is_snapshot: bool


async def expired_messages(
    pool: Pool, seconds: float, after: ExpiredMessage | None, most: int
) -> list[ExpiredMessage]:
    """Return the next messages older than this, oldest first. `after`: the last one of the previous batch."""
    place = (datetime.min, 0) if after is None else (after.sent_at, after.id)
    rows = await retry(pool, lambda: pool.fetch(_sql.expired_messages, seconds, *place, most))
    return [ExpiredMessage(**row) for row in rows]


async def old_events(pool: Pool, seconds: float, partition: int, after: int, most: int) -> list[OldEvent]:
    """Return a partition's next published events, in order, up to the first that is not older than this.

    The clocks of two owners differ, and a log must not lose what lies between other events.
    """
    rows = await retry(pool, lambda: pool.fetch(_sql.old_events, seconds, partition, after, most))
    old = takewhile(itemgetter("is_old"), rows)
    return [OldEvent(**{each.name: row[each.name] for each in fields(OldEvent)}) for row in old]


async def newest_snapshots(pool: Pool, conversations: Collection[int]) -> dict[int, int]:
    """Return the number of each conversation's newest snapshot, where it has one."""
    rows = await retry(pool, lambda: pool.fetch(_sql.newest_snapshots, list(conversations)))
    return {row["conversation_id"]: row["number"] for row in rows}


async def forget_events(pool: Pool, up_to: Mapping[int, int]) -> None:
    """Remove the published events of conversations up to these numbers."""
    await retry(pool, lambda: pool.execute(_sql.forget_events, list(up_to), list(up_to.values())))


async def forget_sends(pool: Pool, seconds: float, numbers: Collection[str]) -> None:
    """Remove what was sent to these numbers longer ago than this."""
    await retry(pool, lambda: pool.execute(_sql.forget_sends, seconds, list(numbers)))


async def forget_seen(pool: Pool, seconds: float, most: int) -> bool:
    """Remove some ids of events seen longer ago than this; return whether there were any."""
    done: str = await retry(pool, lambda: pool.execute(_sql.forget_seen, seconds, most))
    return done != "DELETE 0"


async def forget_letters(pool: Pool, seconds: float, most: int) -> bool:
    """Remove some dead letters buried longer ago than this; return whether there were any."""
    done: str = await retry(pool, lambda: pool.execute(_sql.forget_letters, seconds, most))
    return done != "DELETE 0"
