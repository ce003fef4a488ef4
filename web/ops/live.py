"""Notifies open pages that something changed, by server-sent events. One look a second serves all of them."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from contextlib import nullcontext, suppress

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from db.readers.ops import CONVERSATION_CHANGES, NEWEST_CHANGE
from process.periodic import every
from schemas.errors import Unavailable
from schemas.phone import conversation_key
from web.database import Database
from web.ops.pages import OPERATOR_KEY, STILL_KEY
from web.ops.presence import Presence

log = structlog.get_logger()

# A conversation's page is at most this late. While no page is open nothing is asked.
_LOOK_SECONDS = 1.0
# Under load a list changes all the time. Nobody reads faster, and every open page fetches itself each time.
_LIST_SECONDS = 3.0
# How soon it is noticed that a page has gone, or its session has ended.
_GONE_SECONDS = 15.0
Still = Callable[[], Awaitable[str | None]]
LIST, NOW = "list", "now"
"""What pages with many conversations, and the overview, watch; the others name one number."""
_MANY = (LIST, NOW)


def watched(of: str) -> str:
    """Return what a page watches: many conversations, or one by its key.

    Raises:
        InvalidNumber: it is nothing that could change.
    """
    return of if of in _MANY else conversation_key(of)


class Live:
    """`/ops/live?of=list`, `?of=now`, or `?of=+57…`."""

    def __init__(self, database: Database, presence: Presence) -> None:
        self._database = database
        self._presence = presence
        self._watching: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._seen: dict[str, object] = {}
        self._many_due = 0.0
        self._stopping = False

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Stream `changed` events until the page goes. When the stream opens, it fetches what came before."""
        of, changed = watched(request.query.get("of", LIST)), asyncio.Event()
        response: web.StreamResponse = web.Response()
        self._watching[of].add(changed)
        try:
            with suppress(Unavailable):  # the first look that succeeds is the one to compare with
                await self._look([of])
            there = nullcontext() if of in _MANY else self._presence.of(of, request[OPERATOR_KEY] or "")
            with there, suppress(ConnectionResetError):  # the page has gone
                async with sse_response(request) as stream:
                    response = stream
                    await self._stream(stream, of, changed, request[STILL_KEY])
        finally:
            self._watching[of].discard(changed)
            if not self._watching[of]:
                del self._watching[of]
                self._seen.pop(of, None)
        return response

    async def _stream(
        self, stream: EventSourceResponse, of: str, changed: asyncio.Event, still: Still
    ) -> None:
        ask_at = time.monotonic() + _GONE_SECONDS
        while stream.is_connected() and not self._stopping:
            if await _happens(changed, ask_at):
                changed.clear()
                if not self._stopping:
                    await stream.send(of, event="changed")
            elif await _has_ended(still):
                return
            else:
                ask_at = time.monotonic() + _GONE_SECONDS

    async def stop(self, _: web.Application) -> None:
        """Disconnect all pages; they come back to whichever web process is there then."""
        self._stopping = True
        for watchers in self._watching.values():
            for changed in watchers:
                changed.set()

    async def watch(self) -> None:
        """Look for changes while somebody watches, until cancelled."""
        await every(_LOOK_SECONDS, self._look_at_due)

    async def _look_at_due(self) -> None:
        many = _MANY if self._many_are_due() else ()
        if due := [of for of in self._watching if of not in _MANY or of in many]:
            with suppress(Unavailable):  # logged where it happened; the pages stay as they are
                await self._look(due)

    def _many_are_due(self) -> bool:
        if time.monotonic() < self._many_due:
            return False
        self._many_due = time.monotonic() + _LIST_SECONDS
        return True

    async def _look(self, at: Collection[str]) -> None:
        if numbers := [of for of in at if of not in _MANY]:
            for change in await self._database.quick_rows(CONVERSATION_CHANGES, numbers):
                self._note(change.phone_number, change)
        if LIST in at:
            [newest] = await self._database.quick_rows(NEWEST_CHANGE)
            self._note(LIST, newest)
        if NOW in at:  # even if nothing happens any more, what waits gets older
            self._note(NOW, time.monotonic())

    def _note(self, of: str, state: object) -> None:
        """Wake the watchers if there is a difference; the first look has nothing to compare with."""
        before = self._seen.get(of)
        self._seen[of] = state
        if before is not None and before != state:
            for changed in self._watching.get(of, ()):
                changed.set()


async def _has_ended(still: Still) -> bool:
    try:
        return await still() is None
    except Unavailable:
        return False  # nobody knows; asked again in a moment


async def _happens(changed: asyncio.Event, until: float) -> bool:
    """Wait for a change until then, by `time.monotonic()`."""
    try:
        async with asyncio.timeout(until - time.monotonic()):
            return await changed.wait()
    except TimeoutError:
        return False
