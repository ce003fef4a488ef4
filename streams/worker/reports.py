"""Delivery reports go round the mailboxes: they prove sends that a mailbox may just be waiting for."""

import asyncio
from typing import Any

import structlog

from schemas.events import MessageStatus
from streams.conversation.delivery import report_step
from streams.journal.journal import Journal

log = structlog.get_logger()

# Reports are tiny; this many share a few statements, and bound what a flood of them may hold in memory.
_MOST_AT_ONCE = 200


class Reports:
    """Records reports, several at once, and acknowledges them in their order."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self._last: dict[int, asyncio.Task[None]] = {}

    async def put(self, report: MessageStatus, event: Any) -> None:  # noqa: ANN401 - a Faust event
        """Take a report; waits while too many are under way."""
        await self._places.acquire()
        partition = event.message.partition
        before = self._last.get(partition)
        task = asyncio.create_task(self._record(report, event, before), name="delivery report")
        self._last[partition] = task
        task.add_done_callback(lambda _: self._places.release())

    async def _record(self, report: MessageStatus, event: Any, before: "asyncio.Task[None] | None") -> None:  # noqa: ANN401
        if not await self._journal.report(report_step(report)):
            log.info("delivery report of a message that is not ours", status=report.params.get("MessageStatus"))
        if before is not None:
            await asyncio.wait([before])
        event.ack()
