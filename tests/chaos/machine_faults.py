"""What goes wrong with the machine: its clock is set, its disk is full."""

import asyncio
import resource
from pathlib import Path

import aiohttp

from tests.chaos.world import World

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
"""From Debian's package `libfaketime` (`apt-get install libfaketime`); without it, the row is skipped."""
FAKED = {
    "LD_PRELOAD": str(FAKETIME),
    "FAKETIME_TIMESTAMP_FILE": "{folder}/clock",
    "FAKETIME_CACHE_DURATION": "1",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
}
_JUMPS_SECONDS = ("+300", "-300", "+0")
_AFTER_JUMP_SECONDS = 15.0
_FULL_SECONDS = 20.0
_PROBE = aiohttp.ClientTimeout(total=5)


async def clock_jumps(world: World) -> None:
    """Set the clocks of web and worker five minutes ahead, then five behind, then right again."""
    world.strikes()
    for jump in _JUMPS_SECONDS:
        world.clock.write_text(f"{jump}\n")
        await asyncio.sleep(_AFTER_JUMP_SECONDS)


async def disk_full(world: World) -> None:
    """Keep the worker's files from growing for a while: every write to one fails."""
    worker = world.workers[0]
    world.strikes()
    _limit(worker.process.pid, 1)
    await asyncio.sleep(_FULL_SECONDS)
    if "disk" not in await _health(f"{worker.url}/ready"):
        world.problems.append("the worker's view does not tell of its full disk")
    _limit(worker.process.pid, resource.RLIM_INFINITY)


def _limit(pid: int, size: int) -> None:
    """Simulate a full disk for one process, at once (prlimit(2)): a file that outgrows `size` gives EFBIG."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def _health(url: str) -> str:
    async with aiohttp.ClientSession(timeout=_PROBE) as session, session.get(url) as response:
        return await response.text()
