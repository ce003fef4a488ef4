"""The worker's own views: `/live`, `/ready`, `/partitions`, `/metrics`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faust
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams import metrics
from streams.engine.mailbox import Mailboxes
from streams.journal.ownership import Ownership
from streams.turns.pause import Pause
from streams.worker.disk import disk_problem
from streams.worker.engine import WorkerEngine
from streams.worker.progress import Progress
from streams.worker.take import TOPICS

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
        pauses: Sequence[Pause],
        folder: Path,
    ) -> None:
        self._app = app
        self._mailboxes = mailboxes
        self._engine = engine
        self._ownership = ownership
        self._progress = progress
        self._pauses = pauses
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
            "lag": self._engine.lag(),
            "assignment": self._engine.assignment(),
            "seconds_since_progress": round(self._progress.seconds(), 1),
            "behind": self._progress.behind,
            "paused": [pause.vendor for pause in self._pauses if pause.is_on],
            "tasks": len(asyncio.all_tasks()),
            **self._mailboxes.snapshot(),
        }
        return web.json_response(body)

    async def _metrics(self, request: web.Request) -> web.Response:
        self._measure()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _measure(self) -> None:
        """What is a state rather than an event is looked at when somebody asks."""
        found = self._mailboxes.snapshot()
        metrics.MAILBOXES.set(found["mailboxes"])
        metrics.IN_FLIGHT.set(found["in_flight"])
        metrics.BEHIND.set(self._progress.behind)
        metrics.PROGRESS.set(self._progress.seconds())
        metrics.PARTITIONS.set(len(self._ownership.partitions))
        for pause in self._engine.pauses:
            if isinstance(pause, Pause):
                metrics.PAUSED.labels(pause.vendor).set(pause.is_on)
        for topic in TOPICS:
            of_topic = [each for name, each in found["partitions"].items() if name.rpartition("-")[0] == topic]
            metrics.WINDOW.labels(topic).set(sum(each["unfinished"] for each in of_topic))
            metrics.OLDEST.labels(topic).set(max((each["oldest_seconds"] for each in of_topic), default=0.0))
