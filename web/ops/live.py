"""Tells open pages that something changed, by server-sent events. One look a second serves all of them."""

import asyncio
from collections import defaultdict

import structlog
from aiohttp import web
from aiohttp_sse import sse_response

from db.queries import load
from schemas.errors import Unavailable
from web.database import Database

log = structlog.get_logger()
_sql = load("ops")

# A page is at most this late. While no page is open nothing is asked.
_LOOK_SECONDS = 1.0
# How soon it is noticed that a page has gone.
_GONE_SECONDS = 15.0
LIST = "list"
"""What pages watch that show many conversations; the others name one number."""


class Live:
    """`/ops/live?of=list`, or `?of=+57…`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watching: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._seen: dict[str, object] = {}
        self._stopping = False

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Stream `changed` events until the page goes."""
        of, changed = request.query.get("of", LIST)[:64], asyncio.Event()
        self._watching[of].add(changed)
        try:
            async with sse_response(request) as response:
                while response.is_connected() and not self._stopping:
                    if await _happens(changed) and not self._stopping:
                        changed.clear()
                        await response.send(of, event="changed")
        finally:
            self._watching[of].discard(changed)
            if not self._watching[of]:
                del self._watching[of]
                self._seen.pop(of, None)
        return response

    async def stop(self, _: web.Application) -> None:
        """Let all pages go; they come back to whichever web process is there then."""
        self._stopping = True
        for watchers in self._watching.values():
            for changed in watchers:
                changed.set()

    async def watch(self) -> None:
        """Look for changes while somebody watches, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._watching:
                continue
            try:
                await self._look()
            except Unavailable:
                continue  # logged where it happened; the pages stay as they are

    async def _look(self) -> None:
        numbers = [of for of in self._watching if of != LIST]
        if numbers:
            rows = await self._database.quick_rows(_sql.event_numbers, numbers)
            for row in rows:
                self._note(row["phone_number"], row["event_number"])
        if LIST in self._watching:
            rows = await self._database.quick_rows(_sql.newest_change)
            self._note(LIST, tuple(rows[0]))

    def _note(self, of: str, state: object) -> None:
        """Wake those who watch, if there is a difference; the first look has nothing to compare with."""
        before = self._seen.get(of)
        self._seen[of] = state
        if before is not None and before != state:
            for changed in self._watching.get(of, ()):
                changed.set()


async def _happens(changed: asyncio.Event) -> bool:
    """Wait for a change, but not so long that nobody notices the page's end."""
    try:
        async with asyncio.timeout(_GONE_SECONDS):
            return await changed.wait()
    except TimeoutError:
        return False
