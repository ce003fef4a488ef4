"""The worker's own views: `/live`, `/ready`, `/partitions`, `/metrics`; JSON for programs, a page for a browser."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import faust
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams import html, metrics
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
        return html.answer(request, "Worker", {"status": "ok"})

    async def _ready(self, request: web.Request) -> web.Response:
        stuck = self._progress.is_stuck()
        ready = not self._app.rebalancing and self._mailboxes.generation > 0 and not stuck
        body = {"ready": ready, "stuck": stuck, "partitions": self._ownership.partitions}
        if lost := sorted(self._engine.lost_offsets.values()):
            body["lost_offsets"] = lost
        if full := disk_problem(self._folder):
            body["disk"] = full
        return html.answer(request, "Ready", body, 200 if ready else 503, None if ready else _RETRY_AFTER)

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
            "vendors": {pause.vendor: {"paused": pause.is_on, **pause.recent()} for pause in self._pauses},
            "tasks": len(asyncio.all_tasks()),
            **self._mailboxes.snapshot(),
        }
        return html.answer(request, "Partitions", by_partition(body) if html.is_wanted(request) else body)

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


def by_partition(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give `/partitions` as a person reads it: what is known of each partition in one row. Pure."""
    positions, lag, unfinished = body["positions"], body["lag"], body["partitions"]
    nothing = {"unfinished": 0, "oldest_offset": None, "oldest_seconds": None}
    rows = [
        {"partition": name, "position": positions.get(name), "lag": lag.get(name), **unfinished.get(name, nothing)}
        for name in sorted(positions.keys() | lag.keys() | unfinished.keys(), key=_in_order)
    ]
    one_by_one = {name: value for name, value in body.items() if name not in ("positions", "lag", "partitions")}
    return {**one_by_one, "partitions": rows}


def _in_order(name: str) -> tuple[str, int]:
    topic, _, number = name.rpartition("-")
    return topic, int(number)
