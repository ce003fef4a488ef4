"""The service beside its peer in RESULTS.md. Machines differ, so only the ratio within one sitting counts."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

ROWS = ("rate-50", "rate-100", "rate-200", "closed", "websocket-50", "reports-100")
_PARTS = ("sut", "stats", "kafka", "redis", "pg")
_PEER, _OURS = "peer", "project"
_COLUMNS = (
    "row",
    "side",
    "runs",
    "turns/s",
    "CPU in all",
    "service",
    "stats",
    "Kafka or Redis",
    "Postgres",
    "lost / doubled / out of order",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run of one side."""

    side: str
    turns_per_second: float
    #: Milliseconds beyond the vendors' own time.
    overhead_p50: float
    overhead_p99: float
    #: Milliseconds until the acknowledgement.
    webhook_p50: float
    webhook_p99: float
    #: Of `call-completed`, 50 at once.
    starts_p50: float
    starts_p99: float
    #: Milliseconds a turn, by part.
    cpu: dict[str, float]
    lost: int
    doubled: int
    out_of_order: int


def report_of(side: str, told: dict[str, Any]) -> Report:
    """Read one of the driver's reports."""
    turns, cpu, starts = told["turns"], told["cpu"]["turns"], told["start"]["overhead_ms"]
    return Report(
        side=side,
        turns_per_second=turns["throughput_per_s"],
        overhead_p50=turns["overhead_client_ms"]["p50"],
        overhead_p99=turns["overhead_client_ms"]["p99"],
        webhook_p50=told["webhook"]["ack_ms"]["p50"],
        webhook_p99=told["webhook"]["ack_ms"]["p99"],
        starts_p50=starts["p50"],
        starts_p99=starts["p99"],
        cpu={part: cpu[part]["cpu_ms_each"] for part in _PARTS if part in cpu},
        lost=turns["lost"],
        doubled=turns["duplicated"],
        out_of_order=turns["out_of_order_strict"],
    )


Pick = Callable[[Report], float]


@dataclass(frozen=True, slots=True)
class Goal:
    """What one figure should be, relative to the peer's."""

    what: str
    row: str
    pick: Pick
    #: Our figure divided by the peer's: at most this, or at least this where `more` is better.
    wanted: float
    more: bool = False
    #: The peer's row to compare with, if it does not play this one.
    against: str = ""


def _cpu(report: Report) -> float:
    return sum(report.cpu.values())


def _rate(row: str) -> list[Goal]:
    return [
        Goal(f"{row}: CPU in all, ms a turn", row, _cpu, 1.0),
        Goal(f"{row}: overhead p50, ms", row, lambda each: each.overhead_p50, 1.3),
        Goal(f"{row}: overhead p99, ms", row, lambda each: each.overhead_p99, 1.0),
    ]


# Where the peer has no such row: what was wanted on the day its row `against` was measured, divided by that.
GOALS = [
    *_rate("rate-50"),
    *_rate("rate-100"),
    *_rate("rate-200"),
    Goal("closed: turns/s", "closed", lambda each: each.turns_per_second, 1.25, more=True),
    Goal("closed: CPU in all, ms a turn", "closed", _cpu, 1.0),
    Goal("rate-200: webhook acknowledged p50, ms", "rate-200", lambda each: each.webhook_p50, 2 / 1.3),
    Goal("rate-200: webhook acknowledged p99, ms", "rate-200", lambda each: each.webhook_p99, 12 / 8.6),
    Goal("rate-100: call-completed p50, ms", "rate-100", lambda each: each.starts_p50, 12 / 8.5),
    Goal("rate-100: call-completed p99, ms", "rate-100", lambda each: each.starts_p99, 120 / 190),
    Goal(
        "websocket-50: overhead p50, ms",
        "websocket-50",
        lambda each: each.overhead_p50,
        25 / 6.0,
        against="rate-50",
    ),
    Goal(
        "websocket-50: overhead p99, ms",
        "websocket-50",
        lambda each: each.overhead_p99,
        90 / 20,
        against="rate-50",
    ),
    Goal("reports-100: CPU in all, ms a turn", "reports-100", _cpu, 7.0 / 5.6, against="rate-100"),
]
Kept = dict[str, list[dict[str, Any]]]


def beside_told(kept: Kept) -> str:
    """Return the section, or nothing if no row was played."""
    rows = {name: [_report(each) for each in reports] for name, reports in kept.items()}
    judged = [line for goal in GOALS if (line := _judged(goal, rows))]
    if not judged:
        return ""
    lines = [
        "## Beside a Node service of the same job",
        "",
        "`make bench PEER=DIR`: its own driver and simulator, both sides by turns on the same machine, "
        "medians; defaults",
        "but for the vendors' quotas, no delivery reports except in `reports-100`. In the two rows that it "
        "does not play,",
        "its row of that rate.",
        "",
        *("| figure | the Node service | this | ratio | wanted | met |", "|---|---|---|---|---|---|"),
        *judged,
        "",
        *("| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"),
        *(_parts(name, side, rows[name]) for name in ROWS if name in rows for side in (_PEER, _OURS)),
    ]
    return "\n".join(line for line in lines if line is not None) + "\n"


def _report(kept: dict[str, Any]) -> Report:
    return Report(**{field.name: kept[field.name] for field in fields(Report)})


def _middle(pick: Pick, reports: list[Report], side: str) -> float | None:
    values = [pick(each) for each in reports if each.side == side]
    return statistics.median(values) if values else None


def _judged(goal: Goal, rows: dict[str, list[Report]]) -> str | None:
    ours = _middle(goal.pick, rows.get(goal.row, []), _OURS)
    peers = _middle(goal.pick, rows.get(goal.against or goal.row, []), _PEER)
    if ours is None or not peers:
        return None
    ratio = ours / peers
    is_met = ratio >= goal.wanted if goal.more else ratio <= goal.wanted
    bound = f"{'≥' if goal.more else '≤'} {goal.wanted:.2f}"
    return (
        f"| {goal.what} | {peers:.1f} | {ours:.1f} | {ratio:.2f} | {bound} "
        f"| {'yes' if is_met else '**no**'} |"
    )


def _parts(name: str, side: str, reports: list[Report]) -> str | None:
    played = [each for each in reports if each.side == side]
    if not played:
        return None

    def of(*parts: str) -> str:
        return f"{statistics.median(sum(each.cpu.get(part, 0.0) for part in parts) for each in played):.1f}"

    rate = statistics.median(each.turns_per_second for each in played)
    judged = " / ".join(
        str(sum(getattr(each, what) for each in played)) for what in ("lost", "doubled", "out_of_order")
    )
    told = "the Node service" if side == _PEER else "this"
    parts = [of(*_PARTS), of("sut"), of("stats"), of("kafka", "redis"), of("pg")]
    return "| " + " | ".join([name, told, str(len(played)), f"{rate:.0f}", *parts, judged]) + " |"
