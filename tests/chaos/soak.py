"""A long run with a fault of the table every few seconds, and what the processes need of the machine."""

import asyncio
import os
import statistics
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.chaos import faults, vendor_faults
from tests.chaos.clients import Clients, Written
from tests.chaos.product import Product
from tests.chaos.verdict import at_shares, told
from tests.chaos.world import World

FAULTS: tuple[faults.Fault, ...] = (
    faults.kill_worker,
    faults.kill_web,
    faults.kill_both,
    faults.fail_point,
    faults.term_worker,
    faults.term_web,
    faults.pause_worker,
    faults.join_and_leave,
    faults.kill_kafka,
    faults.freeze_kafka,
    faults.restart_kafka,
    faults.kill_postgres,
    faults.freeze_postgres,
    faults.cut_postgres,
    faults.kafka_and_postgres_away,
    vendor_faults.twilio_outage,
    vendor_faults.elevenlabs_outage,
)
_SAMPLE_SECONDS = 10.0
_PROBE = aiohttp.ClientTimeout(total=2)
_MB = 1024
# Kept-alive connections close after 20 s without use, idle ones of Postgres' pool after 300 s.
_QUIET_SECONDS = 30.0
# What a process may need more in the last third than in the first, for a pool that filled later or the
# interpreter's caches; sockets: for the clients' own pool.
_GROWTH = 1.3
_SLACK = {"rss_mb": 20.0, "tasks": 50.0, "sockets": 300.0, "files": 5.0}
_AT_REST = {"rss_mb": 400.0, "tasks": 100.0, "sockets": 60.0, "files": 40.0}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process needs."""

    at: float
    #: web or worker.
    role: str
    #: Includes the number of asyncio tasks for workers.
    figures: dict[str, float]


class Watch:
    """Samples all processes until told to stop."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.task: asyncio.Task[None] | None = None

    async def begin(self, world: World, clients: Clients) -> None:
        """Begin in the background."""
        self.samples, self.task = [], asyncio.create_task(self._work(world), name="watch")

    async def _work(self, world: World) -> None:
        while True:
            self.samples += await self._look(world)
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def _look(self, world: World) -> list[Sample]:
        products = [each for each in [*world.webs, *world.workers] if each.wanted]
        return [sample for sample in await asyncio.gather(*map(_sample, products)) if sample]

    async def end(self, world: World, clients: Clients) -> None:
        """Judge: no more in use at the end than at the beginning, and little when there is nothing to do."""
        assert self.task is not None, "begun under load"
        self.task.cancel()
        for role, figures in _by_role(self.samples).items():
            for name, values in figures.items():
                world.problems += _trend(role, name, values)
                world.notes.append(_told(role, name, values))
        await asyncio.sleep(_QUIET_SECONDS)
        for sample in await self._look(world):
            excess = {name: value for name, value in sample.figures.items() if value > _AT_REST[name]}
            world.problems += [f"{sample.role} at rest: {name} {value:.0f}" for name, value in excess.items()]
            world.notes.append(
                f"{sample.role} at rest: " + ", ".join(f"{k} {v:.0f}" for k, v in sample.figures.items())
            )

    async def lean(self, world: World, clients: Clients) -> None:
        """Judge the memory alone, of workers with a long backlog."""
        assert self.task is not None, "begun under load"
        self.task.cancel()
        most = max(sample.figures["rss_mb"] for sample in self.samples if sample.role == "worker")
        world.notes.append(f"worker: {most:.0f} MB at most with a backlog of {len(clients.written)} messages")
        if most > _AT_REST["rss_mb"]:
            world.problems.append(f"worker: {most:.0f} MB, {_AT_REST['rss_mb']:.0f} at most wanted")


async def some_fault(world: World) -> None:
    """Play one of the table's faults, chosen at random."""
    fault = world.chance.choice(FAULTS)
    world.drawn.append((time.time(), fault.__name__))
    await fault(world)


def by_fault(world: World, written: Iterable[Written], latencies: Mapping[str, float]) -> list[str]:
    """Return a line per kind of fault: how long those waited who wrote from its start to the next."""
    begins = [at for at, _ in world.drawn]
    waited: dict[str, list[float]] = defaultdict(list)
    for message in written:
        if (place := bisect_right(begins, message.begun) - 1) >= 0 and message.text in latencies:
            waited[world.drawn[place][1]].append(latencies[message.text])
    counts = Counter(name for _, name in world.drawn)
    order = ", ".join(name for _, name in world.drawn)
    return [f"seed {world.seed}: {order}"] * bool(order) + [
        f"after {name} ({counts[name]} times): {told(at_shares(waited[name], 0.5, 0.99, 1.0))}"
        for name in sorted(counts)
    ]


async def _sample(product: Product) -> Sample | None:
    """Return None for a process that is just ending, starting or standing still."""
    with suppress(OSError, StopIteration, ValueError, aiohttp.ClientError, TimeoutError):
        pid = product.process.pid
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        rss = int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / _MB
        links = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
        sockets = sum(link.startswith("socket:") for link in links)
        figures = {"rss_mb": rss, "sockets": float(sockets), "files": float(len(links) - sockets)}
        role = product.name.partition("-")[0]
        if role == "worker":
            figures["tasks"] = await _tasks(product)
        return Sample(time.time(), role, figures)
    return None


async def _tasks(product: Product) -> float:
    async with (
        aiohttp.ClientSession(timeout=_PROBE) as session,
        session.get(f"{product.url}/partitions") as response,
    ):
        return float((await response.json())["tasks"])


def _by_role(samples: Iterable[Sample]) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in sorted(samples, key=lambda each: each.at):
        for name, value in sample.figures.items():
            found[sample.role][name].append(value)
    return found


def _thirds(values: list[float]) -> tuple[float, float]:
    third = max(1, len(values) // 3)
    return statistics.median(values[:third]), statistics.median(values[-third:])


def _trend(role: str, name: str, values: list[float]) -> list[str]:
    first, last = _thirds(values)
    grown = last > first * _GROWTH + _SLACK[name]
    return [f"{role}: {name} grew from {first:.0f} to {last:.0f}"] if grown else []


def _told(role: str, name: str, values: list[float]) -> str:
    first, last = _thirds(values)
    return (
        f"{role}: {name} median of the first third {first:.0f}, of the last {last:.0f}, "
        f"most {max(values):.0f}"
    )
