"""Takes events from the outbox to Kafka: per partition one pass at a time, so that none overtakes another.

Nobody's answer waits for this, so whoever comes within a moment shares one look at the table, over all partitions.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import asyncpg
import structlog
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from db.pool import LOST_CONNECTION, Pool
from db.queries import load
from schemas.topics import CONVERSATION_EVENT
from schemas.tracing import is_recorded, trace_header
from streams.failpoints import reach
from streams.persist import persist
from streams.worker.producer import Producer

log = structlog.get_logger()
_sql = load("journal")

# The next turn of the same number waits for this, which no client notices; a statement and a request to Kafka for each
# turn by itself would cost as much as the turn.
_GATHER_SECONDS = 0.05
# How late a delivery report's event may be; one look at an index that is mostly empty.
_SWEEP_EVERY_SECONDS = 0.5
# Some 350 kB, of which Kafka's client makes a request or a few; more would keep the loop busy for tens of milliseconds.
_LARGEST_LOOK = 500
# From a leader election to a broker's restart.
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 5.0

Waiting = list[asyncio.Future[None]]


class Outbox:
    """`await outbox.flush(partition)` returns when all that was committed before the call is in Kafka.

    What Kafka has is removed by the next look; dying before it, or losing the partition, repeats events, same numbers.
    `moved_at`: when Kafka or Postgres was found away last, monotonic seconds.
    """

    def __init__(self, pool: Pool, producer: Producer) -> None:
        self._pool = pool
        self._producer = producer
        self._waiting: dict[int, Waiting] = {}
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._published: list[tuple[int, int, int]] = []  # partition, conversation, number
        self._looking: asyncio.Task[None] | None = None
        self.moved_at = time.monotonic()

    async def flush(self, partition: int) -> None:
        """Wait until the partition's events have left.

        Raises:
            Exception: what the pass failed with, where waiting cannot help; those who wait try again.
        """
        left = asyncio.get_running_loop().create_future()
        self._want(partition, [left])
        await left

    async def sweep(self, partitions: Callable[[], list[int]]) -> None:
        """Bring away, until cancelled, what no event waits for: reports, and what a former owner left."""
        while True:
            await asyncio.sleep(_SWEEP_EVERY_SECONDS)
            for partition in partitions():
                self._want(partition, [])

    def _want(self, partition: int, waiting: Waiting) -> None:
        self._waiting.setdefault(partition, []).extend(waiting)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_again(), name="outbox")

    async def _look_again(self) -> None:
        """Look while somebody waits; a partition that is under way is looked at when it is through."""
        try:
            while self._waiting.keys() - self._under_way.keys():
                await asyncio.sleep(_GATHER_SECONDS)
                await self._look(sorted(self._waiting.keys() - self._under_way.keys()))
        finally:
            self._looking = None

    async def _look(self, partitions: list[int]) -> None:
        waiting = {partition: self._waiting.pop(partition) for partition in partitions}
        try:
            rows = await self._unpublished(partitions)
        except Exception as error:  # noqa: BLE001 - handed to those who wait: nobody may wait for ever
            self._settle(waiting.values(), error)
            return
        by_partition: defaultdict[int, list[asyncpg.Record]] = defaultdict(list)
        for row in rows:
            by_partition[row["partition"]].append(row)
        if len(rows) == _LARGEST_LOOK:  # there may be more, of any of them
            for partition in partitions:
                self._waiting.setdefault(partition, [])[:0] = waiting.pop(partition)
        for partition in partitions:
            self._begin(partition, by_partition[partition], waiting.get(partition, []))

    def _begin(self, partition: int, rows: Sequence[asyncpg.Record], waiting: Waiting) -> None:
        if not rows:
            self._settle([waiting], None)
            return
        publishing = asyncio.create_task(self._publish(partition, rows, waiting), name=f"outbox {partition}")
        self._under_way[partition] = publishing

    async def _publish(self, partition: int, rows: Sequence[asyncpg.Record], waiting: Waiting) -> None:
        failed: Exception | None = None
        # The trace goes on in whoever reads the events.
        records = [(row["phone_number"].encode(), row["payload"].encode(), trace_header(row["trace"])) for row in rows]
        try:
            await persist(
                lambda: self._producer.send_marked(CONVERSATION_EVENT, records),
                lambda: self._attempts((KafkaError, *LOST_CONNECTION)),
            )
            reach("after-publish")
            self._published += [(row["partition"], row["conversation_id"], row["number"]) for row in rows]
        except Exception as error:  # noqa: BLE001 - as above
            failed = error
        del self._under_way[partition]
        self._settle([waiting], failed)
        if partition in self._waiting:
            self._want(partition, [])

    async def _unpublished(self, partitions: list[int]) -> list[asyncpg.Record]:
        gone = list(self._published)
        columns = [[each[place] for each in gone] for place in range(3)]
        arguments = (partitions, _LARGEST_LOOK, *columns, is_recorded())
        rows = await persist(
            lambda: self._pool.fetch(_sql.unpublished, *arguments), lambda: self._attempts(LOST_CONNECTION)
        )
        del self._published[: len(gone)]
        return list(rows)

    def _settle(self, waiting: Iterable[Waiting], failed: Exception | None) -> None:
        if failed is not None:
            log.error("events could not be brought to Kafka", exc_info=failed)
        for left in (each for group in waiting for each in group if not each.done()):
            if failed is None:
                left.set_result(None)
            else:
                left.set_exception(failed)

    def _attempts(self, passing: tuple[type[Exception], ...]) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(passing),
            wait=wait_exponential_jitter(multiplier=_FIRST_RETRY_SECONDS, max=_LONGEST_RETRY_SECONDS),
            before_sleep=lambda _: self._wait(),
        )

    def _wait(self) -> None:
        self.moved_at = time.monotonic()
        log.warning("outbox is tried again")
