"""The overview: what happens now, what waits, what is stuck."""

import asyncio
import time
from typing import Any

import aiohttp
from aiohttp import web

from db.queries import load
from web.database import Database
from web.health import Health
from web.ops.pages import Page, page
from web.ops.workers import Workers, told

_sql = load("ops")
_PAGE = Page("now.html", "Now", "now")
# A worker on the same network answers in milliseconds; the page does not wait for one that hangs.
_VIEW_TIMEOUT = aiohttp.ClientTimeout(total=1.0)
# A turn takes seconds; one that is older than this is worth a look.
_STUCK_SECONDS = 60.0
_STUCK_ROWS = 20
_RESPONSE_SECONDS = 3600.0
# The charts are asked for anew under a new address; a browser keeps a picture as long as its page is open.
_MINUTE = 60


class Now:
    """Shows the overview."""

    def __init__(self, database: Database, health: Health, session: aiohttp.ClientSession, worker_urls: str) -> None:
        self._database = database
        self._health = health
        self._session = session
        self._urls = [url.strip().rstrip("/") for url in worker_urls.split(",") if url.strip()]

    async def get(self, request: web.Request) -> web.Response:
        """Show it; each part by itself, so that one that is away does not hide the others."""
        figures, times, stuck, workers = await asyncio.gather(
            self._database.row(_sql.now),
            self._database.row(_sql.response_times, _RESPONSE_SECONDS),
            self._database.rows(_sql.stuck, _STUCK_SECONDS, _STUCK_ROWS),
            self._workers(),
        )
        context = {"now": figures, "times": times, "stuck": stuck, "workers": workers}
        return page(
            request, _PAGE, context | {"dependencies": self._health.dependencies(), "minute": int(time.time() // _MINUTE)}
        )

    async def _workers(self) -> Workers:
        views = await asyncio.gather(*(self._view(url) for url in self._urls))
        return told(dict(zip(self._urls, views, strict=True)))

    async def _view(self, url: str) -> dict[str, Any] | None:
        try:
            async with self._session.get(f"{url}/partitions", timeout=_VIEW_TIMEOUT) as response:
                body = await response.json()
                return body if isinstance(body, dict) else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
