"""Reads actors: those asked for, the open ones of a partition, those that are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from db.pool import Pool
from db.queries import load as load_queries
from db.store.retry import retry
from db.store.rows import ConversationRow, Loaded, columns, loaded

_sql = load_queries("store")


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """An actor that is to be looked at again, ordered by time."""

    at: datetime
    phone_number: str


BEGINNING = Due(datetime.min.replace(tzinfo=UTC), "")
"""Before every due actor."""


async def load(pool: Pool, keys: Sequence[str]) -> dict[str, Loaded]:
    """Load the actors of these numbers, whether they have one or not."""
    rows = await retry(pool, lambda: pool.fetch(_sql.actors, keys))
    return {row["phone_number"]: loaded(row) for row in rows}


async def open_actors(pool: Pool, partition: int, after: str, most: int) -> list[Loaded]:
    """Load a partition's next actors with open work, in the order of their numbers. `after`: "" at first."""
    rows = await retry(pool, lambda: pool.fetch(_sql.open_actors, partition, after, most))
    return [loaded(row) for row in rows]


async def due_actors(pool: Pool, partition: int, after: Due, most: int) -> list[Due]:
    """Return the next actors of a partition that are due by Postgres' clock, the longest due first.

    `after`: the last one of the previous batch, so that those still being looked at do not hide the rest.
    """
    rows = await retry(
        pool, lambda: pool.fetch(_sql.due_actors, partition, after.at, after.phone_number, most)
    )
    return [Due(row["due_at"], row["phone_number"]) for row in rows]


async def load_conversations(pool: Pool, keys: Sequence[str]) -> dict[str, ConversationRow]:
    """Load the rows of `conversation_state` of these numbers, where they have one."""
    rows = await retry(pool, lambda: pool.fetch(_sql.conversations, keys))
    found = [columns(row) for row in rows]
    for row in found:
        row["message_count"] = row["message_count"] or 0
        row["metadata"] = row["metadata"] if isinstance(row["metadata"], dict) else {}
    return {row["phone_number"]: ConversationRow(**row) for row in found}


async def clock(pool: Pool) -> datetime:
    """Return Postgres' time, with which due times are compared."""
    now: datetime = await retry(pool, lambda: pool.fetchval(_sql.clock))
    return now
