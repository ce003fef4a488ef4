"""`make chaos`: plays the scenarios in turn and writes RESULTS.md. Exit code 1: a scenario does not hold."""

import asyncio
import random
import shutil
import signal
import time
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from tests.chaos.results import write_results
from tests.chaos.run import Outcome, play
from tests.chaos.scenario import Scenario
from tests.chaos.scenarios import SCENARIOS, SOAK

_console = Console(soft_wrap=True)
# Short enough to be given again.
_MOST_SEEDS = 9999


def main(
    only: Annotated[str, typer.Option(help="Names, separated by commas; empty: all.")] = "",
    runs: Annotated[int, typer.Option(help="So many times as many faults.")] = 1,
    turns: Annotated[float, typer.Option(help="Turns per second; 0: the scenario's own.")] = 0,
    numbers: Annotated[int, typer.Option(help="Clients; 0: the scenario's own.")] = 0,
    soak: Annotated[float, typer.Option(help="Minutes of a soak instead; 0: none.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the soak's faults; 0: another one each time.")] = 0,
    data_dir: Annotated[
        Path, typer.Option(help="Logs and data; a scenario's are kept until it runs again.")
    ] = Path(".data/chaos"),
    jars: Annotated[Path, typer.Option(help="Apache Kafka's jars, brought by `make kafka`.")] = Path(
        ".kafka"
    ),
) -> None:
    """Play the scenarios, print the outcomes and write the results."""
    wanted = (
        [replace(SOAK, minutes=soak, seed=seed or random.randint(1, _MOST_SEEDS))]
        if soak
        else _chosen(only, turns, numbers)
    )
    outcomes: list[Outcome] = []
    for scenario in wanted:
        if scenario.needs and not scenario.needs.exists():
            _console.print(f"left out: {scenario.name}, because {scenario.needs} is not there")
            continue
        outcomes.append(_one(scenario, data_dir.absolute(), jars.absolute(), runs))
        if not numbers:  # the table says the turns per second; fewer people would be another test
            write_results(outcomes)
    bad = [outcome.scenario.name for outcome in outcomes if not outcome.good]
    _console.print(f"{len(outcomes)} scenarios, not holding: {', '.join(bad) or 'none'}")
    raise typer.Exit(1 if bad else 0)


def _chosen(only: str, turns: float, numbers: int) -> list[Scenario]:
    names = [name for name in only.split(",") if name]
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if unknown := set(names) - set(known):
        raise typer.BadParameter(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    chosen = [known[name] for name in names] or SCENARIOS
    over = {name: value for name, value in (("turns_per_second", turns), ("numbers", numbers)) if value}
    return [replace(scenario, load=replace(scenario.load, **over)) for scenario in chosen]


def _one(scenario: Scenario, data_dir: Path, jars: Path, runs: int) -> Outcome:
    folder = data_dir / scenario.name
    shutil.rmtree(folder, ignore_errors=True)
    begun = time.monotonic()

    def say(text: str) -> None:
        _console.print(f"  {time.monotonic() - begun:6.1f} s  {scenario.name}: {text}")

    outcome = asyncio.run(_until_told_to_stop(play(scenario, folder, jars, runs, say)))
    _print(outcome)
    return outcome


async def _until_told_to_stop(playing: Coroutine[Any, Any, Outcome]) -> Outcome:
    """On SIGTERM, end everything that was started, as Ctrl-C does."""
    task = asyncio.ensure_future(playing)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _print(outcome: Outcome) -> None:
    verdict = outcome.verdict
    seconds = sorted(verdict.latencies.values()) or [0.0]
    _console.print(
        f"{'[green]holds' if outcome.good else '[red]FAILS'}[/] {outcome.scenario.name}:"
        f" {verdict.written} messages,"
        f" lost {verdict.lost}, doubled {verdict.doubled}, out of order {verdict.out_of_order},"
        f" at once {verdict.overlapping}, wrong {verdict.wrong_number}, asked again {verdict.asked_again},"
        f" redelivered {outcome.redelivered}, refused {outcome.refusals}, stats {outcome.stats_differences},"
        f" recoveries {[round(each, 1) for each in outcome.recoveries]},"
        f" answers p50 {seconds[len(seconds) // 2]:.2f} max {seconds[-1]:.2f} s"
    )
    for told in (*outcome.notes, *outcome.problems):
        _console.print(f"    {escape(told)}")


typer.run(main)
