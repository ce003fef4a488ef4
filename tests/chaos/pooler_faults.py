"""Deaths around a pooler, one after the other."""

import asyncio

from tests.chaos import faults
from tests.chaos.world import World

_AWAY_SECONDS = 3.0


async def kill_pooler(world: World) -> None:
    """Kill the pooler with `kill -9`; start it again some seconds later."""
    assert world.pooler is not None, "the row has one"
    await world.pooler.kill()
    await asyncio.sleep(_AWAY_SECONDS)
    await world.pooler.start()
    world.strikes()


_KINDS: tuple[faults.Fault, ...] = (kill_pooler, faults.kill_worker, faults.kill_postgres)


async def around_the_pooler(world: World) -> None:
    """Kill the pooler, a worker or Postgres: the next one each time."""
    await _KINDS[len(world.faults) % len(_KINDS)](world)
