"""Do Twilio and ElevenLabs answer a light probe, know our credentials and do what the workers ask of them?"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any

import aiohttp

from clients.elevenlabs.api import ElevenLabsApi
from clients.http import BROKE_OFF
from clients.twilio.api import TwilioApi
from clients.views import WorkerViews
from process.periodic import every
from schemas.settings import Settings
from web.workers import LastSeen

# With the pause between probes, under the 5 s that a result may be old.
_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
_REFUSED = frozenset({401, 403})
# With the worker's window of 10 s, an outage and its end show well within what health promises.
_LOOK_EVERY_SECONDS = 2.5
# Fewer may be one number's trouble.
_ENOUGH = 5

Json = Mapping[str, Any]


class Vendors:
    """Probes return "ok", "error" (credentials missing or refused, or the vendor fails) or "disconnected".

    `failing`: returns the vendors at which the workers' newest calls failed.
    """

    def __init__(
        self,
        settings: Settings,
        twilio: TwilioApi,
        elevenlabs: ElevenLabsApi,
        failing: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self._twilio_is_set = bool(settings.twilio_account_sid and settings.twilio_auth_token)
        self._elevenlabs_is_set = bool(settings.elevenlabs_api_key)
        self._twilio = twilio
        self._elevenlabs = elevenlabs
        self._failing = failing

    async def twilio(self) -> str:
        return await self._probe("twilio", self._twilio.probe) if self._twilio_is_set else "error"

    async def elevenlabs(self) -> str:
        return await self._probe("elevenlabs", self._elevenlabs.probe) if self._elevenlabs_is_set else "error"

    async def _probe(self, vendor: str, probe: Callable[[aiohttp.ClientTimeout], Awaitable[int]]) -> str:
        """Accept any answer but a refusal or the vendor's own failure: not every deployment has this path."""
        try:
            status = await probe(_TIMEOUT)
        except BROKE_OFF:
            return "disconnected"
        fails = status in _REFUSED or status >= 500 or vendor in self._failing()
        return "error" if fails else "ok"


def failing(views: Iterable[Json]) -> frozenset[str]:
    """Return the vendors at which most of the newest calls failed, or that refuse our account. Pure.

    `views`: each worker's `/partitions`.
    """
    refusing = set[str]()
    answered: dict[str, int] = {}
    failed: dict[str, int] = {}
    for view in views:
        refusing |= {each["vendor"] for each in view.get("refused", []) if each["scope"] == "account"}
        for vendor, recent in _vendors(view).items():
            answered[vendor] = answered.get(vendor, 0) + recent.get("answered", 0)
            # While a vendor is paused, one call at a time probes it: each failure stands for all that wait.
            failed[vendor] = failed.get(vendor, 0) + recent.get("failed", 0) * (
                _ENOUGH if recent.get("paused") else 1
            )
    most = {vendor for vendor, count in failed.items() if count >= _ENOUGH and count > answered[vendor]}
    return frozenset(refusing | most)


def _vendors(view: Json) -> Json:
    found = view.get("vendors")
    return (
        {name: each for name, each in found.items() if isinstance(each, dict)}
        if isinstance(found, dict)
        else {}
    )


class VendorOutcomes:
    """`failing`: vendors, as last seen; silent workers say nothing. `seen`: what each worker told last."""

    def __init__(self, workers: WorkerViews) -> None:
        self._workers = workers
        self.seen = LastSeen()
        self.failing: frozenset[str] = frozenset()

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        await every(_LOOK_EVERY_SECONDS, self.look, at_once=True)

    async def look(self) -> None:
        """Ask all workers at once."""
        views = await self._workers.partitions()
        self.seen.note(views, asyncio.get_running_loop().time())
        self.failing = failing(view for view in views.values() if view is not None)
