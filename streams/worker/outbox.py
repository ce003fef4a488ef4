"""Takes events from the outbox to Kafka: per partition one pass at a time, so that none overtakes another."""

import asyncio
import time
from collections.abc import Callable

import structlog
from aiokafka.errors import KafkaError
from pydantic_core import to_json
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from db.pool import LOST_CONNECTION, POSTGRES_ERRORS, Pool
from db.queries import load
from schemas.topics import CONVERSATION_EVENT
from streams.failpoints import reach
from streams.worker.producer import Producer

log = structlog.get_logger()
_sql = load("journal")

# How late a delivery report's event may be; one look at an index that is mostly empty.
_SWEEP_EVERY_SECONDS = 0.5
# About one Kafka batch (16 kB of events of some 300 bytes), so that a pass is one request.
_LARGEST_PASS = 500
# From a leader election to a broker's restart.
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 5.0


class Outbox:
    """`await outbox.flush(partition)` returns when all that was committed before the call is in Kafka.

    `moved_at`: when Kafka or Postgres was found away last, monotonic seconds.
    """

    def __init__(self, pool: Pool, producer: Producer) -> None:
        self._pool = pool
        self._producer = producer
        self._waiting: dict[int, list[asyncio.Future[None]]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.moved_at = time.monotonic()

    async def flush(self, partition: int) -> None:
        """Wait until the partition's events have left.

        Raises:
            Exception: what the pass failed with, where waiting cannot help; those who wait try again.
        """
        left = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(partition, []).append(left)
        if partition not in self._tasks:
            self._tasks[partition] = asyncio.create_task(self._work(partition), name=f"outbox {partition}")
        await left

    async def sweep(self, partitions: Callable[[], list[int]]) -> None:
        """Bring away, until cancelled, what no event waits for: reports, and what a former owner left."""
        while True:
            await asyncio.sleep(_SWEEP_EVERY_SECONDS)
            try:
                rows = await self._pool.fetch(_sql.partitions_with_events, partitions())
            except POSTGRES_ERRORS as error:
                log.warning("outbox could not be swept", why=type(error).__name__)
                continue
            for result in await asyncio.gather(*(self.flush(row["partition"]) for row in rows), return_exceptions=True):
                if isinstance(result, Exception):
                    log.error("outbox could not be swept", exc_info=result)

    async def _work(self, partition: int) -> None:
        """Passes until nobody waits; who comes during a pass waits for the next, which sees his commit."""
        while waiting := self._waiting.pop(partition, None):
            failed: Exception | None = None
            try:
                await self._empty(partition)
            except Exception as error:  # noqa: BLE001 - handed to those who wait: nobody may wait for ever
                failed = error
            for left in waiting:
                if not left.done():
                    _settle(left, failed)
        del self._tasks[partition]

    async def _empty(self, partition: int) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((KafkaError, *LOST_CONNECTION)),
            wait=wait_exponential_jitter(multiplier=_FIRST_RETRY_SECONDS, max=_LONGEST_RETRY_SECONDS),
            before_sleep=lambda _: self._wait(partition),
        ):
            with attempt:
                while await self._pass(partition) == _LARGEST_PASS:
                    pass

    def _wait(self, partition: int) -> None:
        self.moved_at = time.monotonic()
        log.warning("outbox is tried again", partition=partition)

    async def _pass(self, partition: int) -> int:
        rows = await self._pool.fetch(_sql.unpublished, partition, _LARGEST_PASS)
        if rows:
            records = [(row["phone_number"].encode(), to_json(row["payload"])) for row in rows]
            await self._producer.send_all(CONVERSATION_EVENT, records)
            reach("after-publish")
            numbers = [row["conversation_id"] for row in rows], [row["number"] for row in rows]
            await self._pool.execute(_sql.published, *numbers)
        return len(rows)


def _settle(left: asyncio.Future[None], failed: Exception | None) -> None:
    if failed is None:
        left.set_result(None)
    else:
        left.set_exception(failed)
