"""The targets, and where the measured figures come from."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.window import Figures, sums

Pick = Callable[[Figures], float]


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table."""

    what: str
    #: The load under which it is measured.
    row: str
    unit: str
    wanted: float
    pick: Pick
    #: Whether less is better.
    most: bool = True
    former: str = ""  # of the Node version with a job queue, as measured


def of(key: str) -> Pick:
    """Pick a figure by name."""
    return lambda found: found.get(key, 0.0)


def cpu(*names: str) -> Pick:
    """Pick the CPU that these processes together take per turn, in ms."""
    return lambda found: sums(found, "cpu_{}_ms", *names)


def memory(*names: str) -> Pick:
    """Pick the memory that these processes together take, in MB."""
    return lambda found: sums(found, "memory_{}_mb", *names)


def _overhead(row: str, p50: float, p99: float, former: str) -> list[Target]:
    rate = row.rpartition("-")[2]
    first, last = former.split(" / ")
    return [
        Target(f"overhead p50 at {rate}/s", row, "ms", p50, of("overhead_p50_ms"), former=first),
        Target(f"overhead p99 at {rate}/s", row, "ms", p99, of("overhead_p99_ms"), former=last),
    ]


def _first_answer(found: Figures) -> float:
    return found["first_answer_seconds"] - found["ready_seconds"]


TARGETS = [
    Target(
        "turns/s sustained", "saturation", "/s", 500, of("turns_per_second"), most=False, former="119–255"
    ),
    Target(
        "CPU a turn at saturation, web + worker",
        "saturation",
        "ms",
        1.0,
        cpu("web", "worker"),
        former="2.8–4.8",
    ),
    Target("CPU a turn, stats worker", "saturation", "ms", 0.5, cpu("stats-worker")),
    Target(
        "CPU a turn at 100 turns/s, web + worker", "rate-100", "ms", 1.5, cpu("web", "worker"), former="5.2"
    ),
    Target(
        "CPU a turn, Kafka + Postgres", "saturation", "ms", 1.0, cpu("kafka", "postgres"), former="1.6–2.8"
    ),
    *_overhead("rate-50", 6, 20, "9.7 / 32"),
    *_overhead("rate-100", 7, 40, "11.9 / 152"),
    *_overhead("rate-200", 10, 100, "142 / 918"),
    Target("webhook answered p50 at 200/s", "rate-200", "ms", 3, of("webhook_p50_ms"), former="3"),
    Target("webhook answered p99 at 200/s", "rate-200", "ms", 15, of("webhook_p99_ms"), former="46"),
    Target("call-completed overhead p50, 50 at once", "calls", "ms", 20, of("call_p50_ms"), former="66"),
    Target("call-completed overhead p99, 50 at once", "calls", "ms", 80, of("call_p99_ms"), former="277"),
    Target(
        "conversations waiting at once", "waiting-5000", "", 5000, of("waiting"), most=False, former="300"
    ),
    Target("memory of the worker with 5,000 waiting", "waiting-5000", "MB", 300, of("memory_worker_mb")),
    Target(
        "memory at 200 turns/s, web + worker",
        "rate-200",
        "MB",
        180,
        memory("web", "worker"),
        former="190–217",
    ),
    Target("backlog of 100,000 drained", "backlog", "/s", 400, of("events_per_second"), most=False),
    Target("meanwhile p99, from writing to answer, of who writes", "backlog", "s", 5, of("live_p99_seconds")),
    Target(
        "the same, of who has messages in the backlog", "backlog", "s", 5, of("live_behind_own_p99_seconds")
    ),
    Target(
        "rebuild from Kafka, 100,000 messages",
        "rebuild",
        "events/s",
        5000,
        of("events_per_second"),
        most=False,
    ),
    Target("first answer after the worker is ready", "backlog", "s", 2, _first_answer),
    Target("cost of a turn, 1,000 messages against 10", "history", "×", 1.1, of("ratio")),
    Target(
        "events/s, stats agent on one core",
        "stats-agent",
        "/s",
        3000,
        of("stats_events_per_second"),
        most=False,
    ),
    # A core's 1,000 ms a second divided by the events/s above.
    Target("CPU an event, stats agent", "stats-agent", "ms", 0.33, of("stats_event_ms")),
    Target("100,000 conversations recovered", "stats-recovery", "s", 20, of("stats_recovery_seconds")),
    Target(
        "`/api/stats` p99 at 200/s, 100,000 conversations", "stats-view", "ms", 50, of("stats_view_p99_ms")
    ),
    # Under a fifth of a second a page feels as if it had been there all along.
    Target(
        "slowest page of the console, 100,000 conversations, p50", "pages", "ms", 200, of("slowest_p50_ms")
    ),
    # How much two runs of the same load differ on this machine.
    Target(
        "CPU of the worker a turn, 50 pages open against none", "open-pages", "×", 1.1, of("ratio_cpu_worker")
    ),
    Target("overhead p50, 50 pages open against none", "open-pages", "×", 1.1, of("ratio_overhead_p50")),
]
