"""The stats worker's views: `/stats`, `/conversations/…`, `/live`, `/ready`, `/metrics`; served from the start.

`/stats/local` and `/conversations/local` are what stats workers ask each other.
"""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from schemas.errors import InvalidInput, Unavailable
from schemas.phone import conversation_key
from streams.stats import metrics
from streams.stats.cluster import TOKEN_HEADER, Cluster
from streams.stats.live import LiveRecords
from streams.stats.page import Page
from streams.stats.queue import Queue
from streams.stats.totals import figures

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_RETRY_AFTER = {"Retry-After": "2"}
# Pages refresh every few seconds; this bounds what many of them cost Kafka and Postgres.
_CACHE_SECONDS = 1.0


class StatsViews:
    """Right, or 503: nothing partial is shown."""

    def __init__(self, records: LiveRecords, cluster: Cluster, queue: Queue, token: str | None) -> None:
        self._records = records
        self._cluster = cluster
        self._queue = queue
        self._token = token
        self._lock = asyncio.Lock()
        self._cached: tuple[float, dict[str, Any]] | None = None

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_problems, self._personal])
        for path, handler in {
            "/live": self._live,
            "/ready": self._ready,
            "/metrics": self._metrics,
            "/stats": self._stats,
            "/stats/local": self._stats_local,
            "/conversations": self._conversations,
            "/conversations/": self._conversations,
            "/conversations/local": self._conversations_local,
            "/conversations/{phone}": self._conversation,
        }.items():
            application.router.add_get(path, handler)
        return application

    @web.middleware
    async def _personal(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Conversations are personal: only for holders of the token; no token configured: for nobody."""
        if request.path.startswith("/conversations") and not self._is_authorized(request):
            return _failure(401, "Unauthorized")
        return await handler(request)

    def _is_authorized(self, request: web.Request) -> bool:
        token = (self._token or "").encode()
        given = request.headers.get(TOKEN_HEADER, "").encode("utf-8", "replace")
        return bool(token) and hmac.compare_digest(token, given)

    async def _live(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.Response:
        ready = self._records.ready
        body = {"ready": ready, "partitions": sorted(self._records.active())}
        return web.json_response(body, status=200 if ready else 503, headers=None if ready else _RETRY_AFTER)

    async def _metrics(self, request: web.Request) -> web.Response:
        metrics.READY.set(self._records.ready)
        metrics.PARTITIONS.set(len(self._records.active()))
        metrics.RECORDS.set(self._records.count())
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _stats(self, request: web.Request) -> web.Response:
        async with self._lock:
            if self._cached is None or time.monotonic() - self._cached[0] > _CACHE_SECONDS:
                self._cached = None
                stats = await self._figures()
                self._cached = (time.monotonic(), stats)
        return web.json_response({"success": True, "stats": self._cached[1]})

    async def _figures(self) -> dict[str, Any]:
        today = datetime.now(self._records.zone).date().isoformat()
        sums, queue = await asyncio.gather(self._cluster.sums(today), self._queue.figures())
        return {**figures(sums), "queue": queue}

    async def _stats_local(self, request: web.Request) -> web.Response:
        return web.json_response(self._cluster.local_sums(request.query.get("day", "")))

    async def _conversations(self, request: web.Request) -> web.Response:
        found = await self._cluster.page(Page.from_query(request.query))
        return web.json_response({"success": True, **found})

    async def _conversations_local(self, request: web.Request) -> web.Response:
        phone = request.query.get("phone")
        found = self._cluster.local_record(phone) if phone else self._cluster.local_page(Page.from_query(request.query))
        return web.json_response(found)

    async def _conversation(self, request: web.Request) -> web.Response:
        key = conversation_key(request.match_info["phone"])
        found = await self._cluster.find(key)
        if found is None:
            return _failure(404, "Conversation not found", "No conversation with this number is in the statistics.")
        return web.json_response({"success": True, "conversation": found})


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors of the service become answers."""
    try:
        return await handler(request)
    except InvalidInput as error:
        return _failure(400, "Invalid request", str(error))
    except Unavailable as error:
        log.info("view is not available", view=_view(request), why=str(error))
        return _failure(503, "Statistics are not available", str(error), _RETRY_AFTER)


def _view(request: web.Request) -> str:
    """Give the path's pattern: the path itself may hold a number."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


def _failure(status: int, error: str, details: str | None = None, headers: dict[str, str] | None = None) -> web.Response:
    body = {"success": False, "error": error} | ({"details": details} if details else {})
    return web.json_response(body, status=status, headers=headers)
