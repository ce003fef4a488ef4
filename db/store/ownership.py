"""Who owns a partition: an epoch, one higher at each claim. Writes that carry an older one are refused."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from db.pool import Pool
from db.queries import load
from db.store.retry import retry

_sql = load("store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A partition that is ours.

    `sequence`: of its last event, so the next one's is higher.
    `published`: Kafka has acknowledged all up to this one.
    """

    partition: int
    epoch: int
    sequence: int
    published: int


async def claim(
    pool: Pool, partitions: Collection[int], owner: str, new_id: Callable[[], UUID] = uuid4
) -> dict[int, Claim]:
    """Claim partitions. Waits for what their former owners are writing; from then on they write nothing."""
    wanted, claim_id = sorted(partitions), new_id()
    rows = await retry(pool, lambda: pool.fetch(_sql.claim, wanted, owner, claim_id))
    epochs = {row["partition"]: row["epoch"] for row in rows}
    rows = await retry(pool, lambda: pool.fetch(_sql.positions, wanted))
    return {
        row["partition"]: Claim(
            partition=row["partition"],
            epoch=epochs[row["partition"]],
            sequence=row["sequence"],
            published=row["published"],
        )
        for row in rows
    }


async def prove(pool: Pool, epochs: Mapping[int, int]) -> set[int]:
    """Return which of these partitions still have these epochs.

    One that has its epoch keeps it until somebody else claims it.
    """
    rows = await retry(pool, lambda: pool.fetch(_sql.still_owned, list(epochs), list(epochs.values())))
    return {row["partition"] for row in rows}


async def release(pool: Pool, epochs: Mapping[int, int]) -> None:
    """Release these partitions; the owner named for them has ended in an orderly way."""
    await retry(pool, lambda: pool.execute(_sql.give_back, list(epochs), list(epochs.values())))
