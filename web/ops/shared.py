"""One answer for all who ask the same within a moment: fifty open pages cost what one does."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from aiohttp import web

from web.answers import Next
from web.ops.language import language_of
from web.ops.pages import LIVE_HEADER, SHARED_KEY

T = TypeVar("T")
# A page that many watch is fetched by all of them within a second of a change.
_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Made(Generic[T]):
    until: float
    work: asyncio.Task[T]


class Shared(Generic[T]):
    """Makes each thing once and gives it to everybody for `seconds`. What failed is not kept."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._made: dict[Hashable, _Made[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Return what is there, or make it; whoever asks meanwhile waits for the same."""
        now = time.monotonic()
        found = self._made.get(key)
        if found is None or found.until < now:
            self._made = {each: made for each, made in self._made.items() if made.until >= now}
            found = self._made[key] = _Made(now + self._seconds, asyncio.create_task(_of(make)))
        try:
            return await asyncio.shield(found.work)
        except Exception:
            self._made.pop(key, None)
            raise


async def _of(make: Callable[[], Awaitable[T]]) -> T:
    return await make()


def shared(handler: Next) -> Next:
    """Let pages that fetch themselves again share a rendering; it must show nothing of an operator's own."""
    rendered: Shared[tuple[int, str]] = Shared(_SECONDS)

    async def shown(request: web.Request) -> web.StreamResponse:
        if LIVE_HEADER not in request.headers:
            return await handler(request)
        request[SHARED_KEY] = True

        async def make() -> tuple[int, str]:
            response = await handler(request)
            assert isinstance(response, web.Response), "pages are rendered as a whole"
            return response.status, response.text or ""

        status, text = await rendered.get((request.path_qs, language_of(request)), make)
        return web.Response(status=status, text=text, content_type="text/html")

    return shown
