"""What Kafka does not have yet: a partition's events above its watermark."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from db.pool import Pool
from db.queries import load
from db.store.erasures import erased_at
from db.store.retry import retry
from db.store.rows import StoredEvent, event
from schemas.events import ConversationEvent

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


async def lost_events(pool: Pool, events: Sequence[ConversationEvent]) -> list[ConversationEvent]:
    """Return those that are not here, though nobody was erased and nothing was rebuilt since."""
    if not events:
        return []
    ids, numbers = [each.conversation_id for each in events], [each.number for each in events]
    phones, times = [each.phone_number for each in events], [each.at for each in events]
    rows = await retry(pool, lambda: pool.fetch(_sql.lost_events, ids, numbers, phones, times))
    missing = [events[row["place"] - 1] for row in rows]
    if not missing:
        return []
    erased = await erased_at(pool, sorted({each.phone_number for each in missing}))
    return [each for each in missing if not _is_erased(each, erased.get(each.phone_number))]


def _is_erased(event: ConversationEvent, at: datetime | None) -> bool:
    return at is not None and event.at <= at.replace(tzinfo=UTC)


async def forget_removals(pool: Pool) -> None:
    """Forget writes that removed their actor and that nobody will retry."""
    await retry(pool, lambda: pool.execute(_sql.forget_removals, _REMOVALS_SECONDS))
