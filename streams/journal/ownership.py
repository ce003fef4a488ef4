"""Who owns a partition: an epoch in Postgres, one higher at each take-over."""

import structlog

from db.pool import Pool
from db.queries import load
from schemas.errors import Fenced

log = structlog.get_logger()
_sql = load("journal")


class Ownership:
    """The epochs of this process. A process that was paused keeps old ones, and its steps fail."""

    def __init__(self, pool: Pool, owner: str) -> None:
        self._pool = pool
        self._owner = owner
        self._epochs: dict[int, int] = {}

    async def claim(self, partitions: set[int]) -> None:
        """Take over exactly these partitions; waits for steps of the former owner that are being written."""
        self._epochs = {}
        rows = await self._pool.fetch(_sql.claim, sorted(partitions), self._owner)
        self._epochs = {row["partition"]: row["epoch"] for row in rows}
        log.info("partitions claimed", partitions=sorted(partitions))

    def release(self) -> None:
        """Forget all: nothing can be recorded until the next claim."""
        self._epochs = {}

    def epoch(self, partition: int) -> int:
        """Give our epoch of a partition.

        Raises:
            Fenced: the partition is not ours.
        """
        try:
            return self._epochs[partition]
        except KeyError:
            raise Fenced(f"partition {partition} is not ours") from None

    @property
    def partitions(self) -> list[int]:
        return sorted(self._epochs)
