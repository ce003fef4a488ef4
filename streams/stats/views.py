"""The stats worker's views: `/stats`, `/conversations/{phone}`, `/live`, `/ready`, `/metrics`."""

import hmac
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import faust
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from db.pool import Pool
from db.queries import load
from schemas.errors import InvalidNumber
from schemas.phone import conversation_key
from schemas.settings import Settings
from streams.stats.totals import totals

_sql = load("stats")
_RETRY_AFTER = {"Retry-After": "2"}
# A page refreshes at most this often; a sum over 100,000 records takes some 0.1 s.
_CACHE_SECONDS = 1.0


class StatsViews:
    """Right, or 503: while tables recover or partitions move nothing partial is shown."""

    def __init__(self, settings: Settings, app: faust.App, table: Any, pool: Pool) -> None:  # noqa: ANN401
        self._settings = settings
        self._app = app
        self._table = table
        self._pool = pool
        self._cached: tuple[float, dict[str, Any]] | None = None

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/live", self._live)
        application.router.add_get("/ready", self._ready)
        application.router.add_get("/stats", self._stats)
        application.router.add_get("/conversations/{phone}", self._conversation)
        application.router.add_get("/metrics", self._metrics)
        return application

    def _is_ready(self) -> bool:
        return bool(self._app.tables.actives_ready and not self._app.rebalancing)

    def _has_all(self) -> bool:
        """Tell whether the whole cluster's records are here: with several stats workers each has a part."""
        topic = self._table.changelog_topic.get_topic_name()
        active = {tp.partition for tp in self._app.assignor.assigned_actives() if tp.topic == topic}
        return len(active) == self._settings.topic_partitions

    async def _live(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.Response:
        ready = self._is_ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    async def _stats(self, request: web.Request) -> web.Response:
        if not self._is_ready() or not self._has_all():
            return _not_now()
        if self._cached is None or time.monotonic() - self._cached[0] > _CACHE_SECONDS:
            self._cached = (time.monotonic(), await self._sum())
        return web.json_response({"success": True, "stats": self._cached[1]})

    async def _sum(self) -> dict[str, Any]:
        today = datetime.now(ZoneInfo(self._settings.stats_timezone)).date().isoformat()
        queue = await self._pool.fetchrow(_sql.queue, self._settings.stats_timezone)
        return {**totals(self._table.values(), today), "queue": dict(queue or {})}

    async def _conversation(self, request: web.Request) -> web.Response:
        token = (self._settings.microservice_token or "").encode()
        given = request.headers.get("X-Service-Token", "").encode("utf-8", "replace")
        if not token or not hmac.compare_digest(token, given):
            return web.json_response({"success": False, "error": "Unauthorized"}, status=401)
        if not self._is_ready():
            return _not_now()
        try:
            record = self._table.get(conversation_key(request.match_info["phone"]))
        except InvalidNumber as error:
            return web.json_response({"success": False, "error": "Invalid request", "details": str(error)}, status=400)
        if record is None:
            return web.json_response({"success": False, "error": "Conversation not found"}, status=404)
        return web.json_response({"success": True, "conversation": record})

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _not_now() -> web.Response:
    body = {"success": False, "error": "Statistics are being recovered", "details": "try again in some seconds"}
    return web.json_response(body, status=503, headers=_RETRY_AFTER)
