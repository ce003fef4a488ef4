"""The overview: what happens now, what waits, what is stuck."""

import asyncio
import time
from typing import Any

from aiohttp import web

from clients.views import WorkerViews
from db.readers.ops import NOW, RESPONSE_TIMES, STUCK
from web.database import Database
from web.health import Health
from web.ops.pages import Page, page
from web.ops.troubles import troubles
from web.workers import refusals, told, unfinished

_PAGE = Page("now.html", "Now", "now")
# A turn takes seconds; one that is older than this is worth a look.
_STUCK_SECONDS = 60.0
_STUCK_ROWS = 20
_RESPONSE_SECONDS = 3600.0
# The charts are asked for anew under a new address; a browser keeps a picture as long as its page is open.
_MINUTE = 60


class Now:
    """Shows the overview."""

    def __init__(self, database: Database, health: Health, workers: WorkerViews) -> None:
        self._database = database
        self._health = health
        self._workers = workers

    async def get(self, request: web.Request) -> web.Response:
        """Show it; each part by itself, so that one that is away does not hide the others."""
        figures, times, stuck, workers = await asyncio.gather(
            self._database.row(NOW),
            self._database.row(RESPONSE_TIMES, _RESPONSE_SECONDS),
            self._database.rows(STUCK, _STUCK_SECONDS, _STUCK_ROWS),
            self._workers.partitions(),
        )
        context: dict[str, Any] = {"now": figures, "times": times, "stuck": stuck, "workers": told(workers)}
        context["refused"] = refusals(workers)
        context |= {"troubles": troubles(self._health.work(), workers), "retried": unfinished(workers)["retried"]}
        context |= {"dependencies": self._health.dependencies(), "minute": int(time.time() // _MINUTE)}
        return page(request, _PAGE, context)
