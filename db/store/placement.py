"""What all workers share: where conversations lie, and when a campaign's next first message may begin."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from db.pool import Pool
from db.queries import load
from db.store.retry import retry

_sql = load("store")

# A statement for so many takes some milliseconds.
_MOST_AT_ONCE = 5_000


async def known_partitions(pool: Pool) -> int:
    """Return the greatest number of partitions that a worker was started for; 0 before the first one."""
    return int(await retry(pool, lambda: pool.fetchval(_sql.known_partitions)))


async def know_partitions(pool: Pool, partitions: int) -> None:
    """Remember that a worker is started for this many partitions."""
    await retry(pool, lambda: pool.execute(_sql.know_partitions, partitions, uuid4()))


async def place_actors(pool: Pool, partition_of: Callable[[str], int]) -> int:
    """Move actors with something to do to where their numbers lie by now; return how many have moved.

    Otherwise nobody, or the owner of another partition, would take up their open work.
    """
    after, moved = "", 0
    while found := await _after(pool, after):
        after = found[-1][0]
        wrong = [number for number, partition in found if partition != partition_of(number)]
        if wrong:
            await _place(pool, wrong, [partition_of(number) for number in wrong])
        moved += len(wrong)
    return moved


async def _after(pool: Pool, after: str) -> list[tuple[str, int]]:
    rows = await retry(pool, lambda: pool.fetch(_sql.placed_actors, after, _MOST_AT_ONCE))
    return [(row["phone_number"], row["partition"]) for row in rows]


async def _place(pool: Pool, numbers: Sequence[str], partitions: Sequence[int]) -> None:
    await retry(pool, lambda: pool.execute(_sql.place_actors, numbers, partitions))


async def reserve_campaign_slot(pool: Pool, batch_id: str, pace: timedelta) -> datetime:
    """Take the campaign's next slot, `pace` after the previous one; return when it is, aware."""
    at: datetime = await retry(pool, lambda: pool.fetchval(_sql.campaign_slot, batch_id, pace))
    return at
