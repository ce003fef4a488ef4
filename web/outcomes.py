"""The outcome of a call's first message, as the worker's rows tell it; a notification says when to look."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog

from db.queries import load
from schemas.errors import Unavailable
from web.database import Database

log = structlog.get_logger()
_sql = load("gateway")

# A lost notification costs at most this.
_LOOK_EVERY_SECONDS = 1.0
_ENDED = frozenset({"done", "failed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How far a call's turn is. `error`: JSON {status, error, details} of a failed one; `sid`: of its first message."""

    state: str
    conversation_id: int | None
    sid: str | None
    error: dict[str, Any] | None

    @property
    def is_final(self) -> bool:
        return self.state in _ENDED


class Outcomes:
    """Waits for turns to end. All that wait share one look at the rows, however many they are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: defaultdict[str, set[asyncio.Future[Outcome]]] = defaultdict(set)
        self._newest: dict[str, Outcome] = {}
        self._due: set[str] = set()
        self._wake = asyncio.Event()

    async def get(self, event_id: str) -> Outcome | None:
        """Give a call's outcome so far, or None while nobody has taken it up.

        Raises:
            Unavailable: Postgres does not answer.
        """
        return (await self._look([event_id])).get(event_id)

    async def wait(self, event_id: str, seconds: float) -> Outcome | None:
        """Wait for the turn's end, at most so long; not in time: the newest there is, or None."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[event_id].add(future)
        self.heard(event_id)  # it may have ended between the caller's look and now
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return self._newest.get(event_id)
        finally:
            self._waiting[event_id].discard(future)
            if not self._waiting[event_id]:
                del self._waiting[event_id]
                self._newest.pop(event_id, None)

    def heard(self, event_id: str) -> None:
        """A notification came."""
        if event_id in self._waiting:
            self._due.add(event_id)
            self._wake.set()

    async def watch(self) -> None:
        """Look at what was notified at once and at everything each second, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                self._due.update(self._waiting)
            self._wake.clear()
            await self._look_at_due()

    async def _look_at_due(self) -> None:
        due, self._due = self._due & self._waiting.keys(), set()
        if not due:
            return
        try:
            found = await self._look(list(due))
        except Unavailable:
            return  # logged where it happened; the next second looks at everything again
        for event_id, outcome in found.items():
            self._tell(event_id, outcome)

    def _tell(self, event_id: str, outcome: Outcome) -> None:
        if event_id in self._waiting:
            self._newest[event_id] = outcome
        for future in self._waiting.get(event_id, ()):
            if outcome.is_final and not future.done():
                future.set_result(outcome)

    async def _look(self, event_ids: list[str]) -> dict[str, Outcome]:
        rows = await self._database.quick_rows(_sql.call_outcomes, event_ids)
        return {row["event_id"]: _outcome(row) for row in rows}


def _outcome(row: asyncpg.Record) -> Outcome:
    return Outcome(state=row["state"], conversation_id=row["conversation_id"], sid=row["sid"], error=row["error"])
