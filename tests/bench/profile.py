"""Where each process spends its time under load: py-spy from outside, heaviest functions by own time."""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.bench.setup import have_conversations, quiet
from tests.bench.world import World

PROFILED = ("web", "worker", "stats-worker")
_PER_SECOND = 200
_SAMPLES_PER_SECOND = 200
_SECONDS = 15
_CONVERSATIONS = 2000
_HEAVIEST = 10


@dataclass(frozen=True, slots=True)
class Profile:
    """The heaviest functions of a process."""

    process: str
    samples: int
    #: Name with file, own share, share including what it calls.
    heaviest: list[tuple[str, float, float]]


async def profiles(world: World) -> list[Profile]:
    """Profile all processes at once while clients write."""
    world.clients.use(await have_conversations(world, _CONVERSATIONS))
    await quiet(world)
    load = asyncio.create_task(world.clients.poisson(_PER_SECOND, _SECONDS + 8))
    await asyncio.sleep(2)
    found = await asyncio.gather(*(_profile(world, name) for name in PROFILED))
    await load
    await world.clients.settle(60)
    return list(found)


async def _profile(world: World, name: str) -> Profile:
    file = world.folder / f"{name}.stacks"
    command = [
        str(Path(sys.executable).parent / "py-spy"),
        "record",
        "--pid",
        str(world.products[name].process.pid),
        "--format",
        "raw",
        "--rate",
        str(_SAMPLES_PER_SECOND),
        "--duration",
        str(_SECONDS),
        "--nonblocking",
        "--output",
        str(file),
    ]
    with (world.folder / "py-spy.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        code = await process.wait()
    if code:
        raise RuntimeError(f"py-spy failed; see {world.folder / 'py-spy.log'}")
    return heaviest(name, file.read_text().splitlines())


def heaviest(process: str, stacks: list[str]) -> Profile:
    """Read collapsed stacks (`outer;inner 12`)."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        names = [_short(frame) for frame in frames.split(";")]
        own[names[-1]] += int(count)
        for name in set(names):
            total[name] += int(count)
    samples = sum(own.values())
    top = [(name, count / samples, total[name] / samples) for name, count in own.most_common(_HEAVIEST)]
    return Profile(process, samples, top)


def _short(frame: str) -> str:
    """Drop the line from `send (aiokafka/producer.py:12)`: a function is one entry."""
    name, _, place = frame.rpartition(" (")
    return f"{name} ({place.rpartition(':')[0]})" if name else frame
