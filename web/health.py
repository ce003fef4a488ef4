"""`GET /health`, `/live`, `/ready`: from probes made in the background, never one per request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from process.periodic import every

SERVICE = "whatsapp-microservice"
VERSION = "1.0.0"

Probe = Callable[[], Awaitable[str]]
# With a probe's own bound of 2 s a result is at most 5 s old, and an outage shows well within 10 s.
_PROBE_EVERY_SECONDS = 2.5
_GOOD = frozenset({"connected", "ok"})


class Health:
    """Knows how the dependencies are. `probes` never raise; `kafka` needs none: the publisher's link knows.

    `work`: see `web.work.Work.now`; work that stands still is as bad as a dependency that is away.
    `no_reports`: why no delivery reports come. Both are reported, but do not change the status code: events
    are accepted all the same. `needs_postgres`: events are accepted only while Postgres answers.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        kafka: Callable[[], str],
        work: Callable[[], Mapping[str, Any]] = dict,
        no_reports: str | None = None,
        needs_postgres: Callable[[], bool] = bool,
    ) -> None:
        self._needs_postgres = needs_postgres
        self._work = work
        self._no_reports = no_reports
        self._probes = probes
        self._kafka = kafka
        self._begun = time.monotonic()
        self._found = dict.fromkeys(probes, "disconnected")

    async def watch(self) -> None:
        """Probe again and again, until cancelled."""
        await every(_PROBE_EVERY_SECONDS, self.probe, at_once=True)

    async def probe(self) -> None:
        """Probe all at once."""
        results = await asyncio.gather(*(probe() for probe in self._probes.values()))
        self._found = dict(zip(self._probes, results, strict=True))

    async def health(self, request: web.Request) -> web.Response:
        """Answer the contract's health; 503 when events cannot be accepted."""
        found, work = self._now(), self._work()
        is_well = all(state in _GOOD for state in found.values()) and not work.get("standing")
        body = {
            "status": "ok" if is_well else "degraded",
            "service": SERVICE,
            "version": VERSION,
            "uptime": int(time.monotonic() - self._begun),
            "dependencies": found,
            "work": work,
            "delivery_reports": "ok" if self._no_reports is None else f"PUBLIC_BASE_URL: {self._no_reports}",
        }
        return web.json_response(body, status=200 if self._accepts(found) else 503)

    async def live(self, request: web.Request) -> web.Response:
        """Answer that the process serves."""
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """Answer whether events can be accepted."""
        ready = self._accepts(self._now())
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    def dependencies(self) -> dict[str, str]:
        """Return the state of each dependency, as last seen."""
        return self._now()

    def work(self) -> Mapping[str, Any]:
        """Return what is known of the work, see `web.work.Work.now`."""
        return self._work()

    def _now(self) -> dict[str, str]:
        database = self._found["database"]
        return {"database": database, "kafka": self._kafka()} | {
            name: state for name, state in self._found.items() if name != "database"
        }

    def _accepts(self, found: Mapping[str, str]) -> bool:
        """Return whether events are accepted: Kafka takes them, or Postgres keeps them while it does not.

        While Postgres keeps some and is silent, none goes to Kafka, which could overtake them.
        """
        if found["database"] == "connected":
            return True
        return found["kafka"] == "connected" and not self._needs_postgres()
