"""Delivery reports go round the mailboxes: they prove sends that a mailbox may just be waiting for."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from tenacity import AsyncRetrying, wait_exponential_jitter

from schemas.events import MessageStatus
from streams.conversation.delivery import Json, merged, report_step
from streams.journal.journal import Journal
from streams.persist import persist

log = structlog.get_logger()

# A message has three reports, which cost as much as its turn when each is a statement, a commit and an event of its own;
# the first two come within a second. Nobody waits for one, except a send of unknown outcome, and that one looks each
# second.
_GATHER_SECONDS = 1.0
# Reports are tiny; this bounds what a flood of them may hold in memory, above what comes while one gathers: three times
# more turns a second than a worker does.
_MOST_AT_ONCE = 4000
# What the journal itself does not wait out is a bug or a broken schema.
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 30.0


class Reports:
    """Records reports, several at once: those of one message that come within a moment are one step."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self._gathered: list[tuple[Json, Callable[[], None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, report: MessageStatus, finish: Callable[[], None]) -> None:
        """Take a report, and call `finish` when it is recorded; waits while too many are under way."""
        await self._places.acquire()
        step = report_step(report)
        if not self._gathered:
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._begin)
        self._gathered.append((step, finish))
        if step["failed"]:
            self._begin()  # what came back goes out again before what is written next

    def _begin(self) -> None:
        """Record what was gathered; all steps meet in one group of the journal."""
        messages: dict[tuple[str | None, str | None], list[tuple[Json, Callable[[], None]]]] = {}
        for step, finish in self._gathered:
            messages.setdefault((step["own_id"], step["sid"]), []).append((step, finish))
        self._gathered = []
        for reports in messages.values():
            steps, finishes = zip(*reports, strict=True)
            task = asyncio.create_task(self._record(merged(steps), finishes), name="delivery reports")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _record(self, step: Json, finishes: Sequence[Callable[[], None]]) -> None:
        """Record surely: a report that is never finished would keep its partition from being acknowledged."""
        try:
            ours = await persist(lambda: self._journal.report(step), _attempts)
        finally:
            for _ in finishes:
                self._places.release()
        if not ours:
            log.info("delivery report of a message that is not ours", status=step["status"])
        for finish in finishes:
            finish()


def _attempts() -> AsyncRetrying:
    return AsyncRetrying(
        wait=wait_exponential_jitter(multiplier=_FIRST_RETRY_SECONDS, max=_LONGEST_RETRY_SECONDS),
        before_sleep=lambda state: log.error(
            "delivery report is tried again", exc_info=state.outcome.exception() if state.outcome else None
        ),
    )
