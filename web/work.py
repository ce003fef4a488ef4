"""Is work stuck? Watched in the background for `/health`: what waits, how long, and what vendors refuse."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from clients.views import StatsView
from db.queries import Query
from db.readers.gateway import WORK, WorkFigures
from process.periodic import every
from schemas.errors import Unavailable
from schemas.twilio_codes import template_codes
from web.workers import Views, late, refusal_line, refusals, standing, unfinished

R = TypeVar("R")

# Three look-ups in small indexes. At this pace an outage shows within 10 s.
_LOOK_EVERY_SECONDS = 5.0
# The longest that a turn may take from one step to the next: an agent that stays silent twice.
_STUCK_SECONDS = 120.0
# Longer than any turn takes, unless an outage holds it up.
_LATE_SECONDS = 300.0
# Our own credentials: Twilio's authentication error, HTTP's refusals.
_CREDENTIALS = frozenset({"20003", "401", "403"})

Json = dict[str, Any]


class QuickRows(Protocol):
    """See `web.database.Database`."""

    async def quick_rows(self, query: Query[R], *arguments: object) -> list[R]: ...


def problems(found: WorkFigures, queue: Mapping[str, Any] | None) -> list[str]:
    """Return what somebody should look at, in words. Pure. `queue`: the statistics', None while unknown."""
    told = []
    waiting = (queue or {}).get("unread", 0) + (queue or {}).get("active", 0)
    if waiting and (found.last_ended is None or found.last_ended > _STUCK_SECONDS):
        told.append("events wait and no turn ends")
    if (found.oldest_waiting or 0) > _LATE_SECONDS:
        told.append("a message has waited for more than five minutes")
    if found.spooled:
        told.append("events wait in Postgres for Kafka")
    if (queue or {}).get("dead_letters_last_hour"):
        told.append("events became dead letters within the last hour")
    refused = set(found.refused)
    if refused & template_codes():
        told.append("Twilio refuses a template, or a text outside its window")
    if refused & _CREDENTIALS:
        told.append("a vendor refuses our credentials")
    return told


class Work:
    """What was last seen in Postgres (None before the first look, and while it is away), and of the workers.

    `views`: what each of these told last.
    """

    def __init__(self, database: QuickRows, view: StatsView, views: Callable[[], Views]) -> None:
        self._database = database
        self._view = view
        self._views = views
        self.found: Json | None = None

    def now(self) -> Json:
        """Return all of it. `standing`: what keeps work from going on; `refused`: see `web.workers`."""
        views, found = self._views(), self.found or {}
        stands = standing(views)
        refused = refusals(views)
        told = [*stands, *map(refusal_line, refused), *late(views), *found.get("problems", [])]
        doing = {"standing": stands, "refused": refused, "workers": unfinished(views)}
        return {**found, "stuck": bool(told), "problems": told, **doing}

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        await every(_LOOK_EVERY_SECONDS, self._look, at_once=True)

    async def _look(self) -> None:
        self.found = await self._seen()

    async def _seen(self) -> Json | None:
        try:
            (row,) = await self._database.quick_rows(WORK)
        except Unavailable:
            return None
        queue = await self._queue()
        told = problems(row, queue)
        return {
            "problems": told,
            "spooled": row.spooled,
            "oldest_waiting_seconds": _seconds(row.oldest_waiting),
            "oldest_spooled_seconds": _seconds(row.oldest_spooled),
            "failures_last_hour": row.refused,
            "queue": queue,
        }

    async def _queue(self) -> Json | None:
        stats = (await self._view.get() or {}).get("stats")
        queue = stats.get("queue") if isinstance(stats, dict) else None
        return queue if isinstance(queue, dict) else None


def _seconds(age: object) -> float | None:
    return None if age is None else round(float(age), 1)  # type: ignore[arg-type]  # a number from Postgres
