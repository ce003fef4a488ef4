"""`make bench`: plays the rows in a fresh world, judges them and writes RESULTS.md."""

import asyncio
import gc
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from tests.bench.machine import describe
from tests.bench.profile import profiles
from tests.bench.results import keep, keep_profiles, write_results
from tests.bench.row import Row
from tests.bench.rows import ROWS
from tests.bench.window import Figures
from tests.bench.world import SETTINGS, World

_console = Console(soft_wrap=True)
_PROFILE = "profile"
_SHOWN = (
    "turns_per_second",
    "overhead_p50_ms",
    "overhead_p99_ms",
    "webhook_p50_ms",
    "webhook_p99_ms",
    "cpu_web_ms",
    "cpu_worker_ms",
    "cpu_stats-worker_ms",
    "cpu_kafka_ms",
    "cpu_postgres_ms",
    "cpu_driver_ms",
    "memory_web_mb",
    "memory_worker_mb",
    "memory_stats-worker_mb",
    "live_worker_p99_ms",
    "live_web_p99_ms",
    "driver_loop_p99_ms",
    "driver_late_p99_ms",
    "others_percent",
    "call_p50_ms",
    "call_p99_ms",
    "waiting",
    "ratio",
    "events_per_second",
    "first_answer_seconds",
    "catch_up_seconds",
    "messages",
    "rows_equal",
    "rebuild_seconds",
    "kafka_bytes",
    "wal_bytes",
    "commits",
    "reference_ms",
    "stats_events_per_second",
    "stats_event_ms",
    "stats_cores",
    "stats_ready_seconds",
    "stats_recovery_seconds",
    "stats_recovery_cpu_seconds",
    "stats_view_per_second",
    "stats_view_p50_ms",
    "stats_view_p99_ms",
    "stats_view_transactions",
    "stats_memory_mb",
    "slowest_p50_ms",
    "slowest_p99_ms",
    "ratio_overhead_p50",
    "ratio_cpu_worker",
    "ratio_cpu",
    "pages_fetched_per_second",
)


def main(
    only: Annotated[str, typer.Option(help="Names of rows, separated by commas; empty: all.")] = "",
    runs: Annotated[int, typer.Option(help="Runs of each row; 0: the row's own.")] = 0,
    seconds: Annotated[float, typer.Option(help="Seconds that a run measures; 0: the row's own.")] = 0,
    webs: Annotated[int, typer.Option(help="Processes of web.")] = 1,
    workers: Annotated[int, typer.Option(help="Processes of the worker.")] = 1,
    write: Annotated[bool, typer.Option(help="Put the figures into RESULTS.md.")] = True,
    data_dir: Annotated[Path, typer.Option(help="Logs and data of the last bench.")] = Path(".data/bench"),
    jars: Annotated[Path, typer.Option(help="Apache Kafka's jars, brought by `make kafka`.")] = Path(
        ".kafka"
    ),
) -> None:
    """Play the rows, print the figures and write the results."""
    names = [name for name in only.split(",") if name]
    known = {row.name: row for row in ROWS}
    if unknown := set(names) - set(known) - {_PROFILE}:
        raise typer.BadParameter(
            f"unknown: {', '.join(sorted(unknown))}; known: {', '.join([*known, _PROFILE])}"
        )
    rows = [known[name] for name in names if name in known] if names else ROWS
    folder = data_dir.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        plan = Plan(rows, runs, seconds, write, not names or _PROFILE in names, webs, workers)
        good = runner.run(_bench(plan, folder, jars.absolute()))
    raise typer.Exit(0 if good else 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be played."""

    rows: list[Row]
    #: 0 means each row's own.
    runs: int
    #: 0 means each row's own.
    seconds: float
    write: bool
    profile: bool
    webs: int
    workers: int


async def _bench(plan: Plan, folder: Path, jars: Path) -> bool:
    good = True
    async with World(folder, jars, webs=plan.webs, workers=plan.workers) as world:
        for row in plan.rows:
            good = await _row(world, row, plan, jars) and good
        if plan.profile:
            await _profile(world, plan)
    return good


async def _row(world: World, row: Row, plan: Plan, jars: Path) -> bool:
    found: list[Figures] = []
    for number in range(plan.runs or row.runs):
        begun = time.monotonic()
        gc.collect()
        found.append(await row.play(world, plan.seconds or row.seconds))
        _console.print(f"{row.name} {number + 1}: {_shown(found[-1])} ({time.monotonic() - begun:.0f} s)")
    verdict = world.ledger.verdict()
    problems = [*verdict.problems, *world.own_ends()]
    _console.print(
        f"  {'FAILS' if problems else 'order kept, nothing lost'}: {verdict.written} messages so far,"
        f" lost {verdict.lost}, doubled {verdict.doubled}, out of order {verdict.out_of_order},"
        f" at once {verdict.overlapping}, refused webhooks {world.clients.refusals},"
        f" refused reports {world.twilio.refused_reports}"
    )
    for problem in problems:
        _console.print(f"    {problem}", markup=False)
    if plan.write:
        keep(row, (plan.webs, plan.workers), found, verdict, describe(jars))
        write_results(SETTINGS)
    return not problems


async def _profile(world: World, plan: Plan) -> None:
    found = await profiles(world)
    for each in found:
        _console.print(f"{each.process}: {each.samples} samples")
        for name, own, total in each.heaviest:
            _console.print(f"  {own:6.1%} {total:6.1%}  {name}", markup=False)
    if plan.write:
        keep_profiles(found)
        write_results(SETTINGS)


def _shown(found: Figures) -> str:
    return "  ".join(f"{key.removesuffix('_ms')} {found[key]:.3g}" for key in _SHOWN if key in found)


typer.run(main)
