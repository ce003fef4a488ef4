"""What Kafka does not have yet: a partition's events above its watermark."""

from collections.abc import Mapping

from db.pool import Pool
from db.queries import load
from db.store.retry import retry
from db.store.rows import StoredEvent, event

_sql = load("store")

# Ten times as long as anybody retries a write before its partition has another owner.
_REMOVALS_SECONDS = 86_400.0


async def unpublished(pool: Pool, partition: int, *, after: int, most: int) -> list[StoredEvent]:
    """Return a partition's next events with a sequence above `after`, in order."""
    rows = await retry(pool, lambda: pool.fetch(_sql.unpublished, partition, after, most))
    return [event(row) for row in rows]


async def advance(pool: Pool, epochs: Mapping[int, int], sequences: Mapping[int, int]) -> set[int]:
    """Record up to which sequence Kafka has acknowledged each partition's events; never move back.

    Return the partitions that are still ours: the watermark of the others is their new owner's.
    """
    partitions = sorted(sequences)
    tokens, reached = [epochs[each] for each in partitions], [sequences[each] for each in partitions]
    rows = await retry(pool, lambda: pool.fetch(_sql.published, partitions, tokens, reached))
    return {row["partition"] for row in rows}


async def forget_removals(pool: Pool) -> None:
    """Forget writes that removed their actor and that nobody will retry."""
    await retry(pool, lambda: pool.execute(_sql.forget_removals, _REMOVALS_SECONDS))
