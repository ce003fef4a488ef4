"""The overview: what happens now, what waits, what is stuck."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from db.queries import load
from web.database import Database
from web.health import Health
from web.ops.pages import Page, page

_sql = load("ops")
_PAGE = Page("now.html", "Now", "now")
# A worker on the same network answers in milliseconds; the page does not wait for one that hangs.
_VIEW_TIMEOUT = aiohttp.ClientTimeout(total=1.0)
# A turn takes seconds; one that is older than this is worth a look.
_STUCK_SECONDS = 60.0
_STUCK_ROWS = 20
_RESPONSE_SECONDS = 3600.0


@dataclass(slots=True)
class Workers:
    """What the workers' own views tell. `unreachable`: addresses that do not answer."""

    lag: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[str] = field(default_factory=list)
    in_flight: int = 0
    unreachable: list[str] = field(default_factory=list)


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
        return page(request, _PAGE, context | {"dependencies": self._health.dependencies()})

    async def _workers(self) -> Workers:
        views = await asyncio.gather(*(self._view(url) for url in self._urls))
        found = Workers(unreachable=[url for url, view in zip(self._urls, views, strict=True) if view is None])
        for view in views:
            if view is not None:
                _add(found, view)
        found.lag.sort(key=lambda row: row["name"])
        return found

    async def _view(self, url: str) -> dict[str, Any] | None:
        try:
            async with self._session.get(f"{url}/partitions", timeout=_VIEW_TIMEOUT) as response:
                body = await response.json()
                return body if isinstance(body, dict) else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None


def _add(workers: Workers, view: dict[str, Any]) -> None:
    workers.in_flight += int(view.get("in_flight", 0))
    workers.pauses += [str(vendor) for vendor in view.get("paused", [])]
    for name, found in view.get("partitions", {}).items():
        if isinstance(found, dict):
            workers.lag.append({"name": name, **found})
