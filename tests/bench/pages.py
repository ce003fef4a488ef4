"""The operators' pages: how long each takes with 100,000 conversations, and what open ones cost the turns."""

import asyncio
import statistics
from urllib.parse import quote

import aiohttp

from tests.bench.crowd import have_crowd
from tests.bench.operators import OpenPage, seconds_of, signed_in
from tests.bench.row import Row
from tests.bench.setup import have_conversations, quiet
from tests.bench.window import Figures, figures, measured, sums
from tests.bench.world import World
from tests.chaos.verdict import quantile

_TIMES = 20
_MS = 1000.0
_RATE = 50
_WARM_UP_SECONDS = 5.0
_SETTLE_SECONDS = 120.0
_CONVERSATIONS = 2000
_OPEN = 50
# Without, with, without, with …: both see whatever else the machine is doing.
_ROUNDS = 3

PAGES = {
    "now": "",
    "list": "/conversations",
    "filter: escalated": "/conversations?status=escalated",
    "filter: waiting": "/conversations?shown=waiting",
    "filter: failed": "/conversations?shown=failed",
    "search: part of a number": "/conversations?q=4120055",
    "search: name": "/conversations?q=" + quote("Núñez"),
    "search: campaign": "/conversations?q=btcal_crowd_7",
    "search: nothing found": "/conversations?q=nobody+like+that",
    "one conversation": "/conversations/" + quote("+584120050000"),
    "campaigns": "/campaigns",
    "one campaign": "/campaigns/btcal_chaos",
    "chart of the day": "/charts/day.svg",
    "dead letters": "/dead-letters",
    "suppressed numbers": "/suppressed",
}
"""Paths by their names in the results."""


async def page_times(world: World, seconds: float) -> Figures:
    """Request each page in turn, while nothing else happens."""
    await have_conversations(world, _CONVERSATIONS)
    await have_crowd(world.postgres.dsn)
    await quiet(world)
    found: Figures = {}
    async with signed_in(world.products["web"].url, world.account.service_token) as session:
        for name, path in PAGES.items():
            took = [await seconds_of(session, f"/ops{path}") for _ in range(_TIMES)]
            found |= {f"{name} p50": quantile(took, 0.5) * _MS, f"{name} p99": quantile(took, 0.99) * _MS}
    slowest = max(found[f"{name} p50"] for name in PAGES)
    return found | {"slowest_p50_ms": slowest, "slowest_p99_ms": max(found[f"{name} p99"] for name in PAGES)}


async def open_pages(world: World, seconds: float) -> Figures:
    """Apply the same load with fifty pages open and with none, by turns; return both and their ratios."""
    numbers = await have_conversations(world, _CONVERSATIONS)
    await have_crowd(world.postgres.dsn)
    world.clients.use(numbers)
    await quiet(world)
    await world.clients.poisson(_RATE, _WARM_UP_SECONDS)
    runs: dict[bool, list[Figures]] = {False: [], True: []}
    async with signed_in(world.products["web"].url, world.account.service_token) as session:
        for _ in range(_ROUNDS):
            for with_pages in (False, True):
                runs[with_pages].append(await _loaded(world, session, numbers if with_pages else [], seconds))
    found = {name: statistics.median(run.get(name, 0.0) for run in runs[True]) for name in runs[True][0]}
    for name, told in (
        ("overhead_p50_ms", "overhead_p50"),
        ("cpu_worker_ms", "cpu_worker"),
        ("pages_cpu", "cpu"),
    ):
        without, beside = (statistics.median(run[name] for run in runs[each]) for each in (False, True))
        found |= {f"without_{told}": without, f"with_{told}": beside, f"ratio_{told}": beside / without}
    return found


async def _loaded(
    world: World, session: aiohttp.ClientSession, numbers: list[str], seconds: float
) -> Figures:
    pages = [_page(session, place, numbers) for place in range(_OPEN)] if numbers else []
    keeping = [asyncio.create_task(page.keep()) for page in pages]
    try:
        await world.clients.poisson(_RATE, _WARM_UP_SECONDS)
        window = await measured(world, world.clients.poisson(_RATE, seconds))
        ended = [task for task in keeping if task.done()]
        assert not ended, [task.exception() for task in ended]
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
    await world.clients.settle(_SETTLE_SECONDS)
    found = figures(
        world, window, [m for m in world.ledger.written if window.begun <= m.begun < window.ended]
    )
    fetched = sum(page.fetched for page in pages) / (seconds + _WARM_UP_SECONDS)
    return found | {
        "pages_cpu": sums(found, "cpu_{}_ms", "web", "worker", "postgres"),
        "pages_fetched_per_second": fetched,
    }


def _page(session: aiohttp.ClientSession, place: int, numbers: list[str]) -> OpenPage:
    """Return a page: two of five watch the overview, two the list, and one a running conversation."""
    if place % 5 < 2:
        return OpenPage(session, "/ops", "now")
    if place % 5 < 4:
        return OpenPage(session, "/ops/conversations", "list")
    return OpenPage(session, f"/ops/conversations/{quote(numbers[place])}", numbers[place])


PAGES_ROW = Row("pages", "an operator among 100,000 conversations, each page 20 times", page_times, runs=1)
OPEN_PAGES_ROW = Row(
    "open-pages", "50 turns/s with 50 of the console's pages open and without, by turns", open_pages, runs=1
)
