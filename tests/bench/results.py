"""Keeps each row's runs in results.json and writes RESULTS.md from it; a new run replaces only its row."""

import json
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.beside import beside_told
from tests.bench.pages import PAGES_ROW
from tests.bench.pages_told import pages_told
from tests.bench.profile import Profile
from tests.bench.row import Row
from tests.bench.rows import ROWS
from tests.bench.stats_rows import STATS_ROWS
from tests.bench.targets import TARGETS, Pick, Target, cpu, memory, of
from tests.bench.window import Figures
from tests.chaos.verdict import Verdict

_FOLDER = Path(__file__).parent
_KEPT = _FOLDER / "results.json"
RESULTS = _FOLDER / "RESULTS.md"
Json = dict[str, Any]

_HEAD = """\
# What it costs, and how fast it is

Written by `make bench` (`make bench ONLY=rate-100,saturation RUNS=5` plays some rows; \
`make bench ONLY=profile` the
profile). Web, worker and stats worker as real processes of their own \
with their default settings, except the vendor
account's limits ({settings}), on Apache Kafka and Postgres on the same machine; \
the load driver and lean stand-ins of
both vendors (ElevenLabs 300 ± 100 ms over the specified REST route, \
Twilio 80 ± 30 ms and its three delivery reports for
each message) are one more process on the same two cores.

Machine: {machine}.

- Overhead: from a client's message to Twilio's acceptance of the answer, \
less the time that both vendors themselves took.
- CPU: of a process and all its children, out of /proc, \
divided by the turns answered meanwhile; delivery reports included.
- Warm-up is excluded; figures are the median of the runs, in brackets the least and the greatest.
- Order and loss are judged from the stand-ins' ledgers by the code that judges the chaos runs.
- *others*: CPU of other programs on the machine while it was measured (100 % = one core).

"""


def keep(row: Row, processes: tuple[int, int], runs: list[Figures], verdict: Verdict, machine: str) -> None:
    """Keep a row's runs in place of earlier ones. `processes`: how many of web and of the worker."""
    kept = _kept()
    judged = {"lost": verdict.lost, "doubled": verdict.doubled, "out of order": verdict.out_of_order}
    kept["rows"][_key(row.name, processes)] = {
        "runs": runs,
        "judged": judged,
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
    }
    kept["machine"] = machine
    _KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def _key(name: str, processes: tuple[int, int]) -> str:
    return name if processes == (1, 1) else "{}, web × {}, worker × {}".format(name, *processes)


def keep_profiles(profiles: list[Profile]) -> None:
    kept = _kept()
    kept["profiles"] = [[profile.process, profile.samples, profile.heaviest] for profile in profiles]
    _KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def keep_beside(row: str, reports: list[Json]) -> None:
    """Keep both sides' reports of a row in place of earlier ones."""
    kept = _kept()
    kept["beside"][row] = reports
    _KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def _kept() -> Json:
    found: Json = json.loads(_KEPT.read_text()) if _KEPT.exists() else {}
    return {"rows": {}, "profiles": [], "machine": "", "beside": {}} | found


def write_results(settings: dict[str, str]) -> None:
    """Write RESULTS.md from what is kept. The text below the mark was written by hand and stays."""
    kept = _kept()
    shown = ", ".join(f"`{name}={value}`" for name, value in settings.items())
    sections = [_HEAD.format(machine=kept["machine"], settings=shown), _targets(kept["rows"])]
    sections += [
        beside_told(kept["beside"]),
        _rows(kept["rows"]),
        _stats_rows(kept["rows"]),
        pages_told(kept["rows"]),
    ]
    by_hand = RESULTS.read_text().partition(_MARK)[2] if RESULTS.exists() else ""
    RESULTS.write_text("\n".join([*sections, _profiles(kept["profiles"]), _MARK]) + (by_hand or "\n"))


_MARK = "<!-- below: by hand -->"


def _targets(rows: Json) -> str:
    lines = ["| figure | Node + queue | target | measured | met |", "|---|---|---|---|---|"]
    return (
        "\n".join(
            lines + [_target(target, rows[target.row]["runs"]) for target in TARGETS if target.row in rows]
        )
        + "\n"
    )


def _target(target: Target, runs: list[Figures]) -> str:
    values = [target.pick(run) for run in runs]
    middle = statistics.median(values)
    met = middle <= target.wanted if target.most else middle >= target.wanted
    unit = f" {target.unit}" if target.unit else ""
    cells = [
        target.what,
        target.former,
        f"{target.wanted:,g}{unit}",
        _spread(values),
        "yes" if met else "**no**",
    ]
    return _line(cells)


def _spread(values: list[float]) -> str:
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{_short(middle)} ({_short(least)} … {_short(most)})" if len(values) > 1 else _short(middle)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


_COLUMNS: dict[str, Pick] = {
    "turns/s": of("turns_per_second"),
    "overhead p50": of("overhead_p50_ms"),
    "p99 ms": of("overhead_p99_ms"),
    "webhook p50": of("webhook_p50_ms"),
    " p99 ms ": of("webhook_p99_ms"),
    "CPU/turn ms: web": cpu("web"),
    "worker": cpu("worker"),
    "stats": cpu("stats-worker"),
    "Kafka": cpu("kafka"),
    "Postgres": cpu("postgres"),
    "driver": cpu("driver"),
    "MB: web": memory("web"),
    "worker ": memory("worker"),
    "stats ": memory("stats-worker"),
    "loop p99 ms: web": of("live_web_p99_ms"),
    "worker  ": of("live_worker_p99_ms"),
    "driver ": of("driver_loop_p99_ms"),
    "others %": of("others_percent"),
}


def _rows(rows: Json) -> str:
    head = [_line(["row", "load", "runs", *_COLUMNS, "lost / doubled / out of order"])]
    head.append(_line(["---"] * (len(_COLUMNS) + 4)))
    turns = [row for row in ROWS if row not in STATS_ROWS and row is not PAGES_ROW]
    named = [(name, row) for row in turns for name in rows if name.partition(",")[0] == row.name]
    return "\n".join(head + [_row(name, row.load, rows[name]) for name, row in named]) + "\n"


_STATS_COLUMNS: dict[str, str] = {
    "events/s": "stats_events_per_second",
    "CPU/event ms": "stats_event_ms",
    "cores": "stats_cores",
    "ready s": "stats_ready_seconds",
    "figures after s": "stats_recovery_seconds",
    "requests/s": "stats_view_per_second",
    "p50 ms": "stats_view_p50_ms",
    "p99 ms": "stats_view_p99_ms",
    "Postgres transactions/s": "stats_view_transactions",
    "MB": "stats_memory_mb",
    "others %": "others_percent",
}


def _stats_rows(rows: Json) -> str:
    """Return the rows of the statistics, whose load is events and requests instead of turns."""
    played = [row for row in STATS_ROWS if row.name in rows]
    if not played:
        return ""
    head = [_line(["row", "load", "runs", *_STATS_COLUMNS]), _line(["---"] * (len(_STATS_COLUMNS) + 3))]
    lines = [
        _line([row.name, row.load, str(len(rows[row.name]["runs"])), *_stats_cells(rows[row.name])])
        for row in played
    ]
    return "\n".join(head + lines) + "\n"


def _stats_cells(kept: Json) -> list[str]:
    values = [[run[key] for run in kept["runs"] if key in run] for key in _STATS_COLUMNS.values()]
    return [_short(statistics.median(each)) if each else "" for each in values]


def _row(name: str, load: str, kept: Json) -> str:
    runs = kept["runs"]
    middles = [_cell([pick(run) for run in runs]) for pick in _COLUMNS.values()]
    return _line(
        [name, load, str(len(runs)), *middles, " / ".join(str(each) for each in kept["judged"].values())]
    )


def _cell(values: list[float]) -> str:
    """Return a cell; a dash if no run of the row has the figure, since that is not zero."""
    return _short(statistics.median(values)) if any(values) else "–"


def _profiles(profiles: list[Any]) -> str:
    if not profiles:
        return ""
    lines = ["## The ten heaviest functions of each process at 200 turns/s", ""]
    lines += [
        "Share of the samples in which the process was on a CPU; *own*: in the function itself, "
        "*with callees*: below it.",
        "",
    ]
    for process, samples, heaviest in profiles:
        lines += [
            f"**{process}** ({samples} samples)",
            "",
            "| function | own | with callees |",
            "|---|---|---|",
        ]
        lines += [_line([f"`{name}`", f"{own:.1%}", f"{total:.1%}"]) for name, own, total in heaviest] + [""]
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
