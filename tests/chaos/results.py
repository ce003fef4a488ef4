"""Writes RESULTS.md, one row per scenario. Playing some scenarios replaces only their rows."""

import statistics
import subprocess
from pathlib import Path

from tests.chaos.run import Outcome
from tests.chaos.scenarios import SCENARIOS, SOAK
from tests.chaos.verdict import at_shares, told

RESULTS = Path(__file__).parent / "RESULTS.md"

_HEAD = """\
# What held while things broke

Written by `make chaos` (`make chaos ONLY=kill-worker,kill-web RUNS=3` plays some, \
each with three times as many faults;
`make chaos SOAK=30` is the soak, with `SEED=` of its notes the same faults in the same order).
Real processes on Apache Kafka and Postgres with simulated vendors; \
judged by the vendors' ledgers alone, by code that
shares nothing with the service.

- *lost*: acknowledged and never answered. *doubled*: answered again. \
*order*: answered after a message that arrived later.
  *at once*: numbers whose agent was asked twice at the same time. *wrong*: sent to somebody else.
- *asked again*: questions that the agent got twice, which a crash allows. \
*redelivered*: answered messages behind the
  committed offsets when a worker had left. *refused*: tries of a webhook that got no 200; \
Twilio's retry follows.
- *stats*: differences between the stats tables and Postgres when all was answered.
- *recovery*: from the fault (after an outage: from its end) \
until each partition has answered something written after it.
- *answer*: seconds from a client's message to Twilio's acceptance of the answer, \
the agent's time and the fault included.
  The longest are those that a dying worker was just sending: 7 s until it is missed, \
19 s in which that attempt may still
  live, 10 s until a list proves that it was not made, so some 37 s, \
and twice that where the next worker dies at the same
  client's answer. Where the load ends before that, nothing newer is sent that could prove it, \
and patience decides after
  60 s: the 64 to 65 s of some rows in which workers are killed. A send that Twilio answers \
with 500 is unknown likewise: 61 s at the
  load's end, and 124 where the next try meets another.
- *build*: the commit that was played; of rows without one a former one, each its own.

"""
_NOTES = "What the processes needed:"
_COLUMNS = (
    "scenario",
    "what is broken",
    "turns/s",
    "faults",
    "messages",
    "lost",
    "doubled",
    "order",
    "at once",
    "wrong",
    "asked again",
    "redelivered",
    "refused",
    "stats",
    "recovery p50 / max s",
    "answer p50 / p99 / max s",
    "holds",
    "build",
)


def write_results(outcomes: list[Outcome]) -> None:
    """Put the outcomes' rows in place of earlier ones."""
    rows = _former() | {outcome.scenario.name: _row(outcome) for outcome in outcomes}
    lines = [_line(list(_COLUMNS)), _line(["---"] * len(_COLUMNS))]
    lines += [rows[scenario.name] for scenario in (*SCENARIOS, SOAK) if scenario.name in rows]
    played = {outcome.scenario.name for outcome in outcomes}
    notes = [note for note in _former_notes() if note.partition(":")[0] not in played]
    notes += [f"{outcome.scenario.name}: {note}" for outcome in outcomes for note in outcome.notes]
    lines += ["", _NOTES, *(f"- {note}" for note in notes)] if notes else []
    RESULTS.write_text(_HEAD + "\n".join(lines) + "\n")


def _former() -> dict[str, str]:
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    rows = [line for line in lines if line.startswith("| ")][2:]
    return {row.split("|")[1].strip(): row for row in rows}


def _former_notes() -> list[str]:
    lines = RESULTS.read_text().partition(_NOTES)[2].splitlines() if RESULTS.exists() else []
    return [line.removeprefix("- ") for line in lines if line.startswith("- ")]


def _row(outcome: Outcome) -> str:
    verdict, scenario = outcome.verdict, outcome.scenario
    counts = (verdict.lost, verdict.doubled, verdict.out_of_order, verdict.overlapping, verdict.wrong_number)
    redelivered = "" if outcome.redelivered is None else str(outcome.redelivered)
    stats = "" if outcome.stats_differences is None else str(outcome.stats_differences)
    load = f"{scenario.load.turns_per_second:g}"
    figures = [
        load,
        outcome.faults,
        verdict.written,
        *counts,
        verdict.asked_again,
        redelivered,
        outcome.refusals,
        stats,
    ]
    times = [_recovery(outcome), told(at_shares(list(verdict.latencies.values()), 0.5, 0.99, 1.0))]
    holds = "yes" if outcome.good else "**no**"
    return _line([scenario.name, scenario.breaks, *map(str, figures), *times, holds, _build()])


def _build() -> str:
    """Return the commit that is checked out; empty where this is no checkout."""
    asked = ["git", "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(asked, cwd=RESULTS.parent, capture_output=True, text=True).stdout.strip()


def _recovery(outcome: Outcome) -> str:
    found = sorted(outcome.recoveries)
    return f"{statistics.median(found):.1f} / {found[-1]:.1f}" if found and outcome.scenario.recovery else ""


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
