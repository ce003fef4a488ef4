"""Remembered replays, and what a replay asks about many numbers at once; see `db/sql/replay.sql`.

Every function raises `asyncpg.PostgresError` where Postgres refuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from db.pool import Pool
from db.queries import Query, load
from schemas.rows import Json

_sql = load("replay")
# Any number that no other use of advisory locks has; "replay" in ASCII.
_LOCK = 0x7265706C6179


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedReplay:
    """A replay. `options`: as given to `begin`; `positions`: the next offset by partition number, as text."""

    topic: str
    mode: str
    options: Json
    state: str
    positions: dict[str, int]
    published: int


FIND: Final = Query(_sql.find, RememberedReplay)


async def begin(pool: Pool, identity: str, topic: str, mode: str, options: Json) -> str | None:
    """Remember that a replay begins; at once with the check that no other one of mode `again` is under way.

    Return the id of the one that is, and then nothing was remembered; None if this one has begun.
    """
    async with pool.acquire() as connection, connection.transaction():
        if mode == "again":
            await connection.execute(_sql.begin_lock, _LOCK)
            other: str | None = await connection.fetchval(_sql.unfinished, topic)
            if other is not None:
                return other
        await connection.execute(_sql.begin, identity, topic, mode, options)
    return None


async def unfinished(pool: Pool, topic: str) -> str | None:
    """Return the newest replay of mode `again` that is not done."""
    identity: str | None = await pool.fetchval(_sql.unfinished, topic)
    return identity


async def advance(pool: Pool, identity: str, positions: Mapping[int, int], published: int) -> None:
    """Remember partitions' next offsets, and that so many more events were published."""
    await pool.execute(
        _sql.advance, identity, {str(place): offset for place, offset in positions.items()}, published
    )


async def end(pool: Pool, identity: str) -> None:
    """Remember that a replay is done."""
    await pool.execute(_sql.end, identity)


async def campaigns_of(pool: Pool, numbers: Sequence[str]) -> dict[str, str | None]:
    """Return the campaign of each number that has a conversation."""
    return {row["phone_number"]: row["batch_id"] for row in await pool.fetch(_sql.campaigns, numbers)}


async def suppressed_of(pool: Pool, numbers: Sequence[str]) -> set[str]:
    """Return those of the numbers that are suppressed."""
    return {row["phone_number"] for row in await pool.fetch(_sql.suppressed, numbers)}


async def unanswered_of(pool: Pool, conversations: Sequence[int]) -> frozenset[str]:
    """Return the messages whose numbers had no conversation yet when their grace was over."""
    return frozenset(row["sid"] for row in await pool.fetch(_sql.unanswered, conversations))
