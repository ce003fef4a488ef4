"""Somebody adds partitions to the topics while clients chat; the operator does what the processes say."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from schemas.topics import ALL_TOPICS
from tests.chaos import topics
from tests.chaos.product import Product
from tests.chaos.replay_faults import command
from tests.chaos.world import World

_CONFIGURATION_ERROR = 2
_NOTICED_SECONDS = 30.0
_LOOK_SECONDS = 0.1
# web's drain cap is 10 s.
_STOP_SECONDS = 15.0
# Messages written in this time are kept in Postgres.
_UNNOTICED_BY_THE_OPERATOR_SECONDS = 10.0


async def grow(world: World) -> None:
    """Double the partitions: the workers end, `repartition` runs, and everything is started again."""
    await _grow(world)
    await asyncio.gather(*(_ended(world, worker) for worker in world.workers))
    await asyncio.sleep(_UNNOTICED_BY_THE_OPERATOR_SECONDS)
    await command(world, "repartition", "--yes")
    for product in world.webs:
        await product.term(_STOP_SECONDS)
        await product.start()
        await product.ready()
    await asyncio.gather(*(worker.start() for worker in world.workers))
    world.strikes()


async def _grow(world: World) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(2 * topics.PARTITIONS) for topic in ALL_TOPICS})
    finally:
        await admin.close()


async def _ended(world: World, worker: Product) -> None:
    """Wait until it has noticed and refuses to go on, however often its supervisor starts it."""
    try:
        async with asyncio.timeout(_NOTICED_SECONDS):
            while _CONFIGURATION_ERROR not in worker.own_ends:
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        world.problems.append(f"{worker.name} did not notice that its topics were changed")
    await worker.kill()
    worker.own_ends = [code for code in worker.own_ends if code != _CONFIGURATION_ERROR]
