"""The worker's own views, as JSON or a browser's page: `/live`, `/ready`, `/partitions`, `/metrics`."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import faust
from aiohttp import web

from clients.circuit_breaker import CircuitBreaker
from process.metrics import exposition
from schemas.documents import now
from schemas.models import TAKEN_UP
from streams import html, metrics
from streams.actors.ahead import AHEAD_SUFFIX
from streams.actors.telemetry import CONTRADICTED
from streams.worker.progress import Progress, disk_problem

_RETRY_AFTER = {"Retry-After": "2"}


class Mailboxes(Protocol):
    """What conversations are doing.

    - `generation`: of the newest assignment; 0 before the first.
    - `stopped`: partitions that stand still, with the failure that so many of their numbers met.
    - `is_fenced`: others have been given up to a newer owner.
    """

    @property
    def generation(self) -> int: ...
    @property
    def stopped(self) -> Mapping[int, str]: ...
    @property
    def is_fenced(self) -> bool: ...
    def snapshot(self) -> dict[str, Any]: ...


class Partitions(Protocol):
    """Where this worker stands in its topics. `lost_offsets`: a line each."""

    @property
    def lost_offsets(self) -> Mapping[Any, str]: ...
    def snapshot(self) -> dict[str, Any]: ...
    def assignment(self) -> dict[str, list[int]]: ...
    def lag(self) -> dict[str, int]: ...


class Publisher(Protocol):
    """The log's way to Kafka. `unpublished`: how many events have not arrived yet."""

    @property
    def unpublished(self) -> int: ...
    def oldest_seconds(self) -> float | None: ...


class Ownership(Protocol):
    """Which partitions this worker owns."""

    @property
    def partitions(self) -> list[int]: ...


class Refusals(Protocol):
    """What vendors refuse us for all numbers. `shown`: each with vendor, scope, code, since, until."""

    def shown(self) -> list[dict[str, Any]]: ...


class Views:
    """The views, which answer without asking anybody else, even during a rebalance."""

    def __init__(
        self,
        app: faust.App,
        mailboxes: Mailboxes,
        engine: Partitions,
        publisher: Publisher,
        ownership: Ownership,
        progress: Progress,
        pauses: Sequence[CircuitBreaker],
        standing: Refusals,
        folder: Path,
    ) -> None:
        self._app = app
        self._mailboxes = mailboxes
        self._engine = engine
        self._publisher = publisher
        self._ownership = ownership
        self._progress = progress
        self._pauses = pauses
        self._refusals = standing
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
        stuck, standing = self._progress.is_stuck(), self._standing()
        ready = not (self._is_moving() or stuck or standing)
        body = {
            "ready": ready,
            "stuck": stuck,
            "standing": standing,
            "stopped": self._stopped(),
            "restart_helps": self._restart_helps(),
            "partitions": self._ownership.partitions,
        }
        if lost := sorted(self._engine.lost_offsets.values()):
            body["lost_offsets"] = lost
        if full := disk_problem(self._folder):
            body["disk"] = full
        return html.answer(request, "Ready", body, 200 if ready else 503, None if ready else _RETRY_AFTER)

    def _is_moving(self) -> bool:
        return self._app.rebalancing or self._mailboxes.generation == 0

    def _restart_helps(self) -> bool:
        """Return whether a restart helps: not against what is away, nor against what this build fails on."""
        return self._is_moving() or self._progress.is_stuck() or self._mailboxes.is_fenced

    def _standing(self) -> list[str]:
        """Return what holds up the work, a line each; a rebalance does not count, because it passes."""
        lines = [] if self._mailboxes.generation else ["no partitions yet"]
        lines += ["partitions have a newer owner"] * self._mailboxes.is_fenced
        lines += [f"partition {partition} stands still: {why}" for partition, why in self._stopped().items()]
        return lines + self._progress.standing()

    def _stopped(self) -> dict[str, str]:
        return {str(partition): why for partition, why in sorted(self._mailboxes.stopped.items())}

    async def _partitions(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = {
            "owned": self._ownership.partitions,
            "generation": self._mailboxes.generation,
            "positions": self._engine.snapshot(),
            "lag": self._engine.lag(),
            "assignment": self._engine.assignment(),
            "seconds_since_progress": round(self._progress.seconds(), 1),
            "behind": self._progress.behind,
            "standing": self._standing(),
            "restart_helps": self._restart_helps(),
            "stopped": self._stopped(),
            "unpublished": self._publisher.unpublished,
            "refused": self._refusals.shown(),
            "contradicted_addresses_last_hour": CONTRADICTED.count(now()),
            "paused": [pause.vendor for pause in self._pauses if pause.is_open],
            "vendors": {pause.vendor: {"paused": pause.is_open, **pause.recent()} for pause in self._pauses},
            "tasks": len(asyncio.all_tasks()),
            **self._doing(),
        }
        return html.answer(request, "Partitions", by_partition(body) if html.is_wanted(request) else body)

    def _doing(self) -> dict[str, Any]:
        """Return what is under way. `oldest`: seconds by kind."""
        found = self._mailboxes.snapshot()
        for name, each in found["partitions"].items():
            if _topic_of(name).endswith(AHEAD_SUFFIX):
                each["oldest_offset"] = None  # numbered as they went
        return {**found, "oldest": {**found["oldest"], "unpublished": self._publisher.oldest_seconds()}}

    async def _metrics(self, request: web.Request) -> web.Response:
        self._measure()
        return exposition()

    def _measure(self) -> None:
        """Set the gauges: states, unlike events, are measured when somebody asks."""
        found = self._mailboxes.snapshot()
        metrics.MAILBOXES.set(found["mailboxes"])
        metrics.IN_FLIGHT.set(found["in_flight"])
        metrics.BEHIND.set(self._progress.behind)
        metrics.UNPUBLISHED.set(self._publisher.unpublished)
        metrics.PROGRESS.set(self._progress.seconds())
        metrics.PARTITIONS.set(len(self._ownership.partitions))
        metrics.STOPPED.set(len(self._mailboxes.stopped))
        refused = {(each["vendor"], each["scope"]) for each in self._refusals.shown()}
        for vendor, scope in metrics.REFUSALS:
            metrics.REFUSED.labels(vendor, scope).set((vendor, scope) in refused)
        for pause in self._pauses:
            metrics.PAUSED.labels(pause.vendor).set(pause.is_open)
        for topic in sorted(TAKEN_UP):
            sources = (topic, f"{topic}{AHEAD_SUFFIX}")
            of_topic = [each for name, each in found["partitions"].items() if _topic_of(name) in sources]
            metrics.WINDOW.labels(topic).set(sum(each["unfinished"] for each in of_topic))
            metrics.OLDEST.labels(topic).set(max((each["oldest_seconds"] for each in of_topic), default=0.0))


def by_partition(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return `/partitions` for a person to read: one row with all that is known of each partition. Pure."""
    positions, lag, unfinished = body["positions"], body["lag"], body["partitions"]
    nothing = {"unfinished": 0, "oldest_offset": None, "oldest_seconds": None}
    rows = [
        {
            "partition": name,
            "position": positions.get(name),
            "lag": lag.get(name),
            **unfinished.get(name, nothing),
        }
        for name in sorted(positions.keys() | lag.keys() | unfinished.keys(), key=_in_order)
    ]
    one_by_one = {
        name: value for name, value in body.items() if name not in ("positions", "lag", "partitions")
    }
    return {**one_by_one, "partitions": rows}


def _in_order(name: str) -> tuple[str, int]:
    return _topic_of(name), int(name.rpartition("-")[2])


def _topic_of(name: str) -> str:
    """Return the topic of a partition's name."""
    return name.rpartition("-")[0]
