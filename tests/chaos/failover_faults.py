"""A primary that is no longer one, and a leader that dies: others take over at other addresses."""

import asyncio
import time

from tests.chaos import topics
from tests.chaos.world import Outage, World
from tests.support.postgres_pair import make_read_only, promote

_BROKER_AWAY_SECONDS = 15.0
# How long Kafka's controller waits to hear from a broker (broker.session.timeout.ms) until others lead.
_UNTIL_OTHERS_LEAD_SECONDS = 9.0


async def fail_over(world: World) -> None:
    """Promote a standby: of a primary whose sessions live on but may only read, then of one that dies."""
    standby = await world.new_standby()
    begun = time.time()
    kind = ("read-only", "dead")[len(world.outages) % 2]
    if kind == "read-only":
        await make_read_only(world.postgres)
    else:
        await world.postgres.kill()
    await promote(standby)
    world.primary_is(standby)
    world.is_back(begun, kind)


async def kill_leader(world: World) -> None:
    """Kill the broker that leads most of the messages' partitions; it comes back at another address."""
    cluster = world.cluster
    leader = await cluster.leader(topics.MESSAGES)
    world.strikes()
    world.outages.append(Outage(world.faults[-1], world.faults[-1] + _UNTIL_OTHERS_LEAD_SECONDS))
    await cluster.kill_node(leader)
    await asyncio.sleep(_BROKER_AWAY_SECONDS)
    await cluster.come_back(leader)
