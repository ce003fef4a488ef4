"""A stretch of load that is measured, and its figures."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

from tests.bench.delays import own_delay, probe
from tests.bench.ledger import Message
from tests.bench.processes import Usage, memory_mb, usage
from tests.bench.reference import sample
from tests.bench.world import World
from tests.chaos.verdict import quantile

Figures = dict[str, float]
_MS = 1000.0


@dataclass(slots=True)
class Window:
    """What was measured during a stretch of load."""

    begun: float
    ended: float
    used: Usage
    #: MB by process.
    memory: dict[str, float]
    #: Seconds by which the driver's loop was late.
    own_delays: list[float] = field(default_factory=list)
    #: Seconds that each process's `/live` took.
    live: dict[str, list[float]] = field(default_factory=dict)
    webhooks: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    #: CPU seconds of the reference loop.
    references: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


async def measured(world: World, load: Awaitable[None]) -> Window:
    """Take all figures while a load runs."""
    clients, urls, pids = world.clients, world.urls(), world.pids()
    live: dict[str, list[float]] = {name: [] for name in urls}
    own: list[float] = []
    references: list[float] = []
    clients.webhook_seconds, clients.late_seconds = [], []
    watchers = [asyncio.create_task(each) for each in (own_delay(own), probe(urls, live), sample(references))]
    begun, before = time.monotonic(), usage(pids)
    try:
        await load
    finally:
        for watcher in watchers:
            watcher.cancel()
    used = usage(pids).since(before)
    memory = {name: memory_mb(pid) for name, pid in pids.items()}
    webhooks, late = clients.webhook_seconds, clients.late_seconds
    return Window(begun, time.monotonic(), used, memory, own, live, webhooks, late, references)


def answered_in(world: World, window: Window) -> list[Message]:
    """Return the messages whose answers were accepted in the window."""
    return [
        m
        for m in world.ledger.written
        if m.answered is not None and window.begun <= m.answered < window.ended
    ]


def figures(world: World, window: Window, messages: Sequence[Message], turns: int = 0) -> Figures:
    """Return the figures of a window in which these messages were answered: ms, MB, turns per second.

    `turns`: what CPU is divided by, if not by these messages.
    """
    turns = turns or max(1, len(messages))
    found: Figures = {
        "turns": turns,
        "turns_per_second": len(messages) / window.seconds,
        "driver_late_p99_ms": quantile(window.late, 0.99) * _MS,
        "driver_loop_p99_ms": quantile(window.own_delays, 0.99) * _MS,
        "reference_ms": quantile(window.references, 0.5) * _MS,
        "others_percent": 100 * window.used.others / window.seconds,
        **{f"webhook_{name}_ms": value * _MS for name, value in three(window.webhooks).items()},
        **{
            f"overhead_{name}_ms": value * _MS
            for name, value in three([m.overhead for m in messages]).items()
        },
    }
    for name, seconds in window.used.by_name.items():
        found[f"cpu_{name}_ms"] = seconds * _MS / turns
        found[f"memory_{name}_mb"] = window.memory[name]
    for name, delays in window.live.items():
        found[f"live_{name}_p99_ms"] = quantile(delays, 0.99) * _MS
    return found


def three(values: Sequence[float]) -> Figures:
    """Return median, 99th percentile and maximum."""
    return {"p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": max(values, default=0.0)}


def sums(found: Figures, what: str, *names: str) -> float:
    """Add figures of several processes (`web` means all of them). `what`: `cpu_{}_ms` or `memory_{}_mb`."""
    prefix, suffix = what.split("{}")
    keys = [key for key in found if key.startswith(prefix) and key.endswith(suffix)]
    kinds = {key: key.removeprefix(prefix).removesuffix(suffix).rstrip("-0123456789") for key in keys}
    return sum(found[key] for key, kind in kinds.items() if kind in names)
