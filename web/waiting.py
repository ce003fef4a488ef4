"""Waits for what workers record: a notification says when to look, the rows say what came of it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import structlog

from db.queries import Query
from schemas.errors import Unavailable
from web.database import Database

log = structlog.get_logger()

# A lost notification costs at most this.
_LOOK_EVERY_SECONDS = 1.0


class Ending(Protocol):
    """What is waited for: `is_final` when nothing more comes."""

    @property
    def is_final(self) -> bool: ...


class Told(Protocol):
    """What a row tells of an event."""

    @property
    def event_id(self) -> str: ...


E = TypeVar("E", bound=Ending)
R = TypeVar("R", bound=Told)


class Waiting(Generic[R, E]):
    """Waits for events to end. All that wait share one look at the rows, however many they are.

    Args:
        database: where the rows are.
        query: gives rows for an array of ids.
        read: makes an outcome from a row.
    """

    def __init__(self, database: Database, query: Query[R], read: Callable[[R], E]) -> None:
        self._query = query
        self._read = read
        self._database = database
        # Told in the order in which they came.
        self._waiting: defaultdict[str, list[asyncio.Future[E]]] = defaultdict(list)
        self._newest: dict[str, E] = {}
        self._due: set[str] = set()
        self._wake = asyncio.Event()

    async def get(self, event_id: str) -> E | None:
        """Return an event's outcome so far, or None while nobody has taken it up.

        Raises:
            Unavailable: Postgres does not answer.
        """
        return (await self._look([event_id])).get(event_id)

    async def wait(self, event_id: str, seconds: float) -> E | None:
        """Wait for the end. If it does not come in time, return the newest outcome there is, or None."""
        future: asyncio.Future[E] = asyncio.get_running_loop().create_future()
        self._waiting[event_id].append(future)
        self.heard(event_id)  # it may have ended between the caller's look and now
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            return self._newest.get(event_id)
        finally:
            self._waiting[event_id].remove(future)
            if not self._waiting[event_id]:
                del self._waiting[event_id]
                self._newest.pop(event_id, None)

    def heard(self, event_id: str) -> None:
        """Note a notification."""
        if event_id in self._waiting:
            self._due.add(event_id)
            self._wake.set()

    async def watch(self) -> None:
        """Look at what is notified at once, and at everything every second, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                self._due.update(self._waiting)
            self._wake.clear()
            await self._look_at_due()

    async def _look_at_due(self) -> None:
        due = [event_id for event_id in self._waiting if event_id in self._due]
        self._due.clear()
        if not due:
            return
        try:
            found = await self._look(due)
        except Unavailable:
            return  # logged where it happened; the next second looks at everything again
        for event_id, outcome in found.items():
            self._tell(event_id, outcome)

    def _tell(self, event_id: str, outcome: E) -> None:
        if event_id in self._waiting:
            self._newest[event_id] = outcome
        for future in self._waiting.get(event_id, ()):
            if outcome.is_final and not future.done():
                future.set_result(outcome)

    async def _look(self, event_ids: list[str]) -> dict[str, E]:
        rows = await self._database.quick_rows(self._query, event_ids)
        return {row.event_id: self._read(row) for row in rows}
