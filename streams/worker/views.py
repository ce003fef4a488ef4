"""The worker's own views: `/live`, `/ready`, `/partitions`, `/metrics`."""

import asyncio
from pathlib import Path
from typing import Any

import faust
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.engine.mailbox import Mailboxes
from streams.journal.ownership import Ownership
from streams.worker.disk import disk_problem
from streams.worker.engine import WorkerEngine
from streams.worker.progress import Progress

_RETRY_AFTER = {"Retry-After": "2"}


class Views:
    """Answers without asking anybody else, also during a rebalance."""

    def __init__(
        self,
        app: faust.App,
        mailboxes: Mailboxes,
        engine: WorkerEngine,
        ownership: Ownership,
        progress: Progress,
        folder: Path,
    ) -> None:
        self._app = app
        self._mailboxes = mailboxes
        self._engine = engine
        self._ownership = ownership
        self._progress = progress
        self._folder = folder

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/live", self._live)
        application.router.add_get("/ready", self._ready)
        application.router.add_get("/partitions", self._partitions)
        application.router.add_get("/metrics", self._metrics)
        return application

    async def _live(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.Response:
        stuck = self._progress.is_stuck()
        ready = not self._app.rebalancing and self._mailboxes.generation > 0 and not stuck
        body = {"ready": ready, "stuck": stuck, "partitions": self._ownership.partitions}
        if full := disk_problem(self._folder):
            body["disk"] = full
        return web.json_response(body, status=200 if ready else 503, headers=None if ready else _RETRY_AFTER)

    async def _partitions(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = {
            "owned": self._ownership.partitions,
            "generation": self._mailboxes.generation,
            "positions": self._engine.snapshot(),
            "seconds_since_progress": round(self._progress.seconds(), 1),
            "behind": self._progress.behind,
            "tasks": len(asyncio.all_tasks()),
            **self._mailboxes.snapshot(),
        }
        return web.json_response(body)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
