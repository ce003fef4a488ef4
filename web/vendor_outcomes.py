"""What the workers' own calls to the vendors came to lately: a vendor may answer a probe and fail at the work."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp

from schemas.settings import Settings

Json = Mapping[str, Any]

# With the worker's window of 10 s an outage shows, and its end, well within what health promises.
_LOOK_EVERY_SECONDS = 2.5
# A worker on the same network answers in milliseconds.
_VIEW_TIMEOUT = aiohttp.ClientTimeout(total=1.0)
# Fewer may be the trouble of one number.
_ENOUGH = 5


def failing(views: Iterable[Json]) -> frozenset[str]:
    """Give the vendors at which most of the newest calls failed. `views`: each worker's `/partitions`. Pure."""
    answered: dict[str, int] = {}
    failed: dict[str, int] = {}
    for view in views:
        for vendor, recent in _vendors(view).items():
            answered[vendor] = answered.get(vendor, 0) + recent.get("answered", 0)
            # While a vendor is paused one call at a time probes it: each failure stands for all that wait.
            failed[vendor] = failed.get(vendor, 0) + recent.get("failed", 0) * (_ENOUGH if recent.get("paused") else 1)
    return frozenset(vendor for vendor, count in failed.items() if count >= _ENOUGH and count > answered[vendor])


def _vendors(view: Json) -> Json:
    found = view.get("vendors")
    return {name: each for name, each in found.items() if isinstance(each, dict)} if isinstance(found, dict) else {}


class VendorOutcomes:
    """`failing`: as last seen; workers that do not answer say nothing."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._urls = [url.strip().rstrip("/") for url in settings.worker_urls.split(",") if url.strip()]
        self._session = session
        self.failing: frozenset[str] = frozenset()

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def look(self) -> None:
        """Ask all workers at once."""
        self.failing = failing(await asyncio.gather(*(self._view(url) for url in self._urls)))

    async def _view(self, url: str) -> Json:
        try:
            async with self._session.get(f"{url}/partitions", timeout=_VIEW_TIMEOUT) as response:
                body = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return {}
        return body if isinstance(body, dict) else {}
