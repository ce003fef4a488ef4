"""Runs steps of the journal in groups: steps of different numbers that meet share one statement and one commit."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from db.pool import LOST_CONNECTION, Pool
from schemas.errors import Fenced
from streams.metrics import step_took
from streams.persist import persist

log = structlog.get_logger()

Json = dict[str, Any]

# Keeps a statement under about 20 ms, so that nobody waits long behind a full group.
_LARGEST_GROUP = 50
# One group is being written while the next gathers; more would only make groups smaller.
_GROUPS_AT_ONCE = 2
# From "a cut connection, try the next one" to "Postgres is restarting"; under the 10 s in which an outage must show.
_FIRST_RETRY_SECONDS = 0.05
_LONGEST_RETRY_SECONDS = 2.0

_TRY_AGAIN = (
    *LOST_CONNECTION,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,  # two steps of one number met (a zombie's and ours): the second look decides
)


@dataclass(eq=False, slots=True)
class _Waiting:
    argument: Json
    result: asyncio.Future[Json]


class Steps:
    """`await steps.run("wm_begin_call", {...})` gives the step's JSON result. `moved_at`: last recorded or tried again.

    Postgres away is waited for: a step is done again until it is recorded, because every step can be repeated.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._running: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.moved_at = time.monotonic()

    async def run(self, step: str, argument: Json) -> Json:
        """Record one step.

        Raises:
            Fenced: the partition has a newer owner; nothing was recorded.
        """
        entry = _Waiting(argument, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(step, deque()).append(entry)
        if self._running.get(step, 0) < _GROUPS_AT_ONCE:
            self._start(step)
        begun = time.monotonic()
        result = await entry.result
        step_took(step).observe(time.monotonic() - begun)
        if result["state"] == "fenced":
            raise Fenced(f"{step}: the partition has a newer owner")
        return result

    def _start(self, step: str) -> None:
        self._running[step] = self._running.get(step, 0) + 1
        task = asyncio.create_task(self._work(step), name=f"journal {step}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, step: str) -> None:
        queue = self._waiting[step]
        try:
            while queue:
                group = [queue.popleft() for _ in range(min(len(queue), _LARGEST_GROUP))]
                await self._record(step, group)
        finally:
            self._running[step] -= 1

    async def _record(self, step: str, group: list[_Waiting]) -> None:
        """One statement for the group; when the group as a whole fails, each by itself, so that none spoils others."""
        group = [entry for entry in group if not entry.result.done()]
        group.sort(key=lambda entry: str(entry.argument.get("phone_number", "")))  # one lock order, no deadlocks
        try:
            await self._settle(step, group)
        except asyncpg.PostgresError:
            for entry in group:
                try:
                    await self._settle(step, [entry])
                except asyncpg.PostgresError as error:
                    _fail(entry, error)
        except Exception as error:  # noqa: BLE001 - handed to those who wait
            for entry in group:
                _fail(entry, error)

    async def _settle(self, step: str, group: list[_Waiting]) -> None:
        results = await self._query(step, [entry.argument for entry in group])
        for entry, result in zip(group, results, strict=True):
            if not entry.result.done():
                entry.result.set_result(result)

    def _wait(self, step: str) -> None:
        self.moved_at = time.monotonic()
        log.warning("journal step is tried again", step=step)

    async def _query(self, step: str, arguments: list[Json]) -> list[Json]:
        sql = f"SELECT {step}(item) FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS x(item, n) ORDER BY n"
        rows = await persist(lambda: self._pool.fetch(sql, arguments), lambda: self._attempts(step))
        self.moved_at = time.monotonic()
        return [row[0] for row in rows]

    def _attempts(self, step: str) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(_TRY_AGAIN),
            wait=wait_exponential_jitter(multiplier=_FIRST_RETRY_SECONDS, max=_LONGEST_RETRY_SECONDS),
            before_sleep=lambda _: self._wait(step),
        )


def _fail(entry: _Waiting, error: Exception) -> None:
    if not entry.result.done():
        entry.result.set_exception(error)
