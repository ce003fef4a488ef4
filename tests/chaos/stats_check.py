"""Checks that the stats tables equal Postgres in the end.

A stats worker reads all events, and `stats --check` compares.
"""

import asyncio
import json
import sys

from local.process import free_port
from tests.chaos.product import Product
from tests.chaos.world import World

_READY_SECONDS = 90.0
# A soak's million events are read at about 3,000 a second; the comparison ends as soon as all are counted.
_WAIT_SECONDS = 600
_EQUAL, _DIFFERENT = 0, 1


async def compare_stats(world: World) -> None:
    """Count the differences. A failed comparison is a problem."""
    port = free_port()
    env = world.env | {"STATS_PORT": str(port), "STATS_URL": f"http://127.0.0.1:{port}"}
    worker = Product("stats-worker", "stats-worker", port, env, world.folder)
    try:
        await worker.start()
        await worker.ready(_READY_SECONDS)
        code, told = await _check(env)
    finally:
        await worker.close()
    if code not in (_EQUAL, _DIFFERENT):
        world.problems.append(f"stats could not be compared, exit code {code}: {told[-200:]}")
        return
    differences = json.loads(told)["differences"]
    world.stats_differences = len(differences)
    world.problems += [f"stats of {each['conversation']}: {each}" for each in differences[:3]]


async def _check(env: dict[str, str]) -> tuple[int | None, str]:
    command = [sys.executable, "-m", "cli", "stats", "--check", "--json", "--wait", str(_WAIT_SECONDS)]
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await process.communicate()
    lines = told.decode(errors="replace").strip().splitlines()
    return process.returncode, lines[-1] if lines else ""
