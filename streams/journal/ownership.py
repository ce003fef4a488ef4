"""Who owns a partition: an epoch in Postgres, one higher at each take-over."""

import time

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from db.pool import LOST_CONNECTION, Pool
from db.queries import load
from schemas.errors import Fenced

log = structlog.get_logger()
_sql = load("journal")

# Under the rebalance time-out (30 s) with one more statement's 10 s: longer, and the broker evicts the member anyway.
_CLAIM_SECONDS = 15.0
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 1.0


# A third of the session time-out (6 s): before it has passed nobody else can have been given our partitions.
_PROOF_LASTS_SECONDS = 2.0


class Ownership:
    """The epochs of this process. A process that was paused keeps old ones, and its steps fail."""

    def __init__(self, pool: Pool, owner: str) -> None:
        self._pool = pool
        self._owner = owner
        self._epochs: dict[int, int] = {}
        self._proved_at: dict[int, float] = {}

    async def claim(self, partitions: set[int]) -> None:
        """Take over exactly these partitions; waits for steps of the former owner that are being written.

        Raises:
            OSError, asyncpg.PostgresError, …: Postgres did not answer for longer than a group may wait for a member.
        """
        self._epochs, self._proved_at = {}, {}
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(LOST_CONNECTION),
            wait=wait_exponential_jitter(multiplier=_FIRST_RETRY_SECONDS, max=_LONGEST_RETRY_SECONDS),
            stop=stop_after_delay(_CLAIM_SECONDS),
            before_sleep=lambda _: log.warning("partitions cannot be claimed yet"),
            reraise=True,
        ):
            with attempt:
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

    def proved(self, partition: int, at: float) -> None:
        """A step that began at `at` (monotonic seconds) found the partition ours."""
        self._proved_at[partition] = max(at, self._proved_at.get(partition, at))

    def is_proved(self, partition: int) -> bool:
        """Tell whether that was just now. After a pause of the process it was not, however short ago it seems to it."""
        return time.monotonic() - self._proved_at.get(partition, float("-inf")) < _PROOF_LASTS_SECONDS

    @property
    def partitions(self) -> list[int]:
        return sorted(self._epochs)
