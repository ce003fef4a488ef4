"""Delivery reports go round the mailboxes: they prove sends that a mailbox may just be waiting for."""

import asyncio
from collections.abc import Callable

import structlog
from tenacity import AsyncRetrying, wait_exponential_jitter

from schemas.events import MessageStatus
from streams.conversation.delivery import report_step
from streams.journal.journal import Journal

log = structlog.get_logger()

# Reports are tiny; this many share a few statements, and bound what a flood of them may hold in memory.
_MOST_AT_ONCE = 200
# What the journal itself does not wait out is a bug or a broken schema.
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 30.0


class Reports:
    """Records reports, several at once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, report: MessageStatus, finish: Callable[[], None]) -> None:
        """Take a report, and call `finish` when it is recorded; waits while too many are under way."""
        await self._places.acquire()
        task = asyncio.create_task(self._record(report, finish), name="delivery report")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._places.release())

    async def _record(self, report: MessageStatus, finish: Callable[[], None]) -> None:
        """Record a report surely: one that is never finished would keep its partition from being acknowledged."""
        async for attempt in AsyncRetrying(
            wait=wait_exponential_jitter(multiplier=_FIRST_RETRY_SECONDS, max=_LONGEST_RETRY_SECONDS),
            before_sleep=lambda state: log.error(
                "delivery report is tried again", exc_info=state.outcome.exception() if state.outcome else None
            ),
        ):
            with attempt:
                ours = await self._journal.report(report_step(report))
        if not ours:
            log.info("delivery report of a message that is not ours", status=report.params.get("MessageStatus"))
        finish()
