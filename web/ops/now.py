"""The overview: what happens now, what waits, what is stuck."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from clients.views import WorkerViews
from db.readers.ops import NOW, RESPONSE_TIMES, STUCK
from web.database import Database
from web.health import Health
from web.ops.pages import Page, page
from web.workers import CONTRADICTED, Views, refusal_line, refusals, told, unfinished

_PAGE = Page("now.html", "Now", "now")
# A turn takes seconds; one older than this is worth a look.
_STUCK_SECONDS = 60.0
_STUCK_ROWS = 20
_RESPONSE_SECONDS = 3600.0
# A new address makes a browser fetch the charts again; else it keeps a picture as long as its page is open.
_MINUTE = 60
_PARTITION = re.compile(r"partition (\d+) stands still$")
STANDS_STILL: Final = "partition %(partition)s stands still"
RESTART, NO_RESTART = (
    "A new start of the worker helps.",
    "A new start does not help: it goes on when what is named is back, or the build is mended.",
)
TEXTS: Final = (
    STANDS_STILL,
    "no worker answers",
    "a worker does not answer",
    "no partitions yet",
    "partitions have a newer owner",
    "nothing moves",
    "Kafka does not answer",
    "Postgres does not answer",
    "tried again and again",
    "events wait to be published",
    "events wait and no turn ends",
    "a message has waited for more than five minutes",
    "events wait in Postgres for Kafka",
    "events became dead letters within the last hour",
    "Twilio refuses a template, or a text outside its window",
    "a vendor refuses our credentials",
    CONTRADICTED,
)
"""What workers and `web.work` say; each exists in every language of the console."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A problem as the overview shows it."""

    #: In English, with `values` to fill in.
    text: str
    values: Mapping[str, str]
    #: An exception and its line.
    why: str
    stands: bool
    #: `RESTART` or `NO_RESTART`.
    hint: str | None


def troubles(work: Mapping[str, Any], views: Views) -> list[Trouble]:
    """Return a row for each of `/health`'s problems, standstills first. Vendors' refusals are shown apart."""
    standing, refused = work.get("standing", []), set(map(refusal_line, work.get("refused", [])))
    lines = [line for line in work.get("problems", []) if line not in refused]
    return [_trouble(line, line in standing, _restart_helps(line, views)) for line in lines]


def _restart_helps(line: str, views: Views) -> bool | None:
    """Return what the workers that report this line say; None if none does."""
    of_line = [view for view in views.values() if view is not None and line in view.get("standing", [])]
    told = [view["restart_helps"] for view in of_line if "restart_helps" in view]
    return any(told) if told else None


def _trouble(line: str, stands: bool, helps: bool | None) -> Trouble:  # noqa: FBT001 - a row of the page
    text, _, why = line.partition(": ")
    values = {}
    if found := _PARTITION.match(text):
        text, values = STANDS_STILL, {"partition": found[1]}
    hint = None if helps is None else RESTART if helps else NO_RESTART
    return Trouble(text=text, values=values, why=why, stands=stands, hint=hint)


class Now:
    """Shows the overview."""

    def __init__(self, database: Database, health: Health, workers: WorkerViews) -> None:
        self._database = database
        self._health = health
        self._workers = workers

    async def get(self, request: web.Request) -> web.Response:
        """Show the overview; each part by itself, so that one that is away does not hide the others."""
        figures, times, stuck, workers = await asyncio.gather(
            self._database.row(NOW),
            self._database.row(RESPONSE_TIMES, _RESPONSE_SECONDS),
            self._database.rows(STUCK, _STUCK_SECONDS, _STUCK_ROWS),
            self._workers.partitions(),
        )
        context: dict[str, Any] = {"now": figures, "times": times, "stuck": stuck, "workers": told(workers)}
        context["refused"] = refusals(workers)
        context |= {
            "troubles": troubles(self._health.work(), workers),
            "retried": unfinished(workers)["retried"],
        }
        context |= {"dependencies": self._health.dependencies(), "minute": int(time.time() // _MINUTE)}
        return page(request, _PAGE, context)
