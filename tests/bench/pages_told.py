"""The operators' pages in RESULTS.md: how long each takes, and what open ones cost the turns."""

import statistics
from typing import Any

from tests.bench.pages import PAGES

Json = dict[str, Any]
_COMPARED = {
    "overhead p50, ms": "overhead_p50",
    "CPU a turn, worker, ms": "cpu_worker",
    "CPU a turn, web + worker + Postgres, ms": "cpu",
}


def pages_told(rows: Json) -> str:
    """Return the section, or nothing if the rows were not played."""
    lines = ["## The operators' pages", ""]
    if "pages" in rows:
        lines += [
            "Among 100,000 conversations, one request at a time, from the request to the last byte.",
            "",
        ]
        lines += [
            "| page | p50 ms | p99 ms |",
            "|---|---|---|",
            *(_page(name, rows["pages"]["runs"]) for name in PAGES),
            "",
        ]
    if "open-pages" in rows:
        runs = rows["open-pages"]["runs"]
        fetched = _middle(runs, "pages_fetched_per_second")
        lines += [
            "At 50 turns/s, with none open and with 50 (20 overviews, 20 lists, 10 conversations under load),"
            f" which fetched themselves {fetched:.0f} times a second in all;"
            " by turns, three times each, medians.",
            "",
            "| figure | none open | 50 open | × |",
            "|---|---|---|---|",
            *(_compared(told, name, runs) for told, name in _COMPARED.items()),
            "",
        ]
    return "\n".join(lines) if len(lines) > 2 else ""


def _page(name: str, runs: list[Json]) -> str:
    return f"| {name} | {_middle(runs, f'{name} p50'):.0f} | {_middle(runs, f'{name} p99'):.0f} |"


def _compared(told: str, name: str, runs: list[Json]) -> str:
    without, beside, ratio = (_middle(runs, f"{each}_{name}") for each in ("without", "with", "ratio"))
    return f"| {told} | {without:.2f} | {beside:.2f} | {ratio:.2f} |"


def _middle(runs: list[Json], name: str) -> float:
    return statistics.median(run.get(name, 0.0) for run in runs)
