"""What the workers' own calls to the vendors came to lately: a vendor may answer a probe and fail at the work."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from clients.views import WorkerViews
from process.periodic import every
from web.workers import LastSeen

Json = Mapping[str, Any]

# With the worker's window of 10 s an outage shows, and its end, well within what health promises.
_LOOK_EVERY_SECONDS = 2.5
# Fewer may be the trouble of one number.
_ENOUGH = 5


def failing(views: Iterable[Json]) -> frozenset[str]:
    """Return the vendors at which most of the newest calls failed, or that refuse our account. `views`: each worker's
    `/partitions`. Pure.
    """
    refusing = set[str]()
    answered: dict[str, int] = {}
    failed: dict[str, int] = {}
    for view in views:
        refusing |= {each["vendor"] for each in view.get("refused", []) if each["scope"] == "account"}
        for vendor, recent in _vendors(view).items():
            answered[vendor] = answered.get(vendor, 0) + recent.get("answered", 0)
            # While a vendor is paused one call at a time probes it: each failure stands for all that wait.
            failed[vendor] = failed.get(vendor, 0) + recent.get("failed", 0) * (_ENOUGH if recent.get("paused") else 1)
    most = {vendor for vendor, count in failed.items() if count >= _ENOUGH and count > answered[vendor]}
    return frozenset(refusing | most)


def _vendors(view: Json) -> Json:
    found = view.get("vendors")
    return {name: each for name, each in found.items() if isinstance(each, dict)} if isinstance(found, dict) else {}


class VendorOutcomes:
    """`failing`: as last seen; workers that do not answer say nothing. `seen`: what each worker told last."""

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
