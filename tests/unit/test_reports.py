"""Delivery reports are gathered, but for those that say a message came back."""

import asyncio
from typing import Any, cast

from schemas.documents import now
from schemas.events import MessageStatus
from streams.journal.journal import Journal
from streams.worker.reports import Reports

OWN_ID = "00000000-0000-4000-8000-000000000001"


class Recorder:
    """Stands in for the journal: keeps what it is given."""

    def __init__(self) -> None:
        self.statuses: list[str] = []

    async def report(self, step: dict[str, Any]) -> bool:
        self.statuses.append(step["status"])
        return True


def report_of(status: str, sid: str) -> MessageStatus:
    params = {"MessageSid": sid, "MessageStatus": status, "To": "whatsapp:+573138540001"}
    return MessageStatus(event_id=f"{sid}:{status}", received_at=now(), params=params, own_id=OWN_ID)


async def put(reports: Reports, *given: MessageStatus) -> list[asyncio.Event]:
    finished = [asyncio.Event() for _ in given]
    for report, event in zip(given, finished, strict=True):
        await reports.put(report, event.set)
    return finished


async def let_others_run() -> None:
    """Give each task that can go on its turns, but no timer any time."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_reports_that_nobody_waits_for_are_gathered_to_one_step() -> None:
    journal = Recorder()
    finished = await put(Reports(cast(Journal, journal)), report_of("sent", "SM1"), report_of("delivered", "SM1"))
    await let_others_run()
    assert journal.statuses == []
    for event in finished:
        await event.wait()
    assert journal.statuses == ["delivered"]


async def test_what_came_back_is_recorded_at_once_with_what_was_gathered_before() -> None:
    journal = Recorder()
    finished = await put(Reports(cast(Journal, journal)), report_of("delivered", "SM1"), report_of("undelivered", "SM2"))
    await let_others_run()
    assert all(event.is_set() for event in finished)
    assert sorted(journal.statuses) == ["delivered", "undelivered"]
