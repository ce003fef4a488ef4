"""Conversations to measure with: their calls go to the topic, and vendors without latency answer them."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.topics import CALL_COMPLETED
from tests.bench.processes import usage
from tests.bench.world import World
from tests.chaos import topics
from tests.chaos.calls import body_of

_SETUP_SECONDS = 300.0
_LOOK_SECONDS = 0.05
# Below this share of a CPU, a process counts as having caught up.
_QUIET_SHARE = 0.15
_QUIET_LOOK_SECONDS = 1.0
_QUIET_SECONDS = 180.0


async def have_conversations(world: World, count: int) -> list[str]:
    """Have at least this many conversations; return their numbers."""
    known = world.ledger.numbers
    fresh = [f"+57310{number:07d}" for number in range(len(known), count)]
    if fresh:
        world.ledger.numbers += fresh
        with _quick_vendors(world):
            await topics.produce(world.kafka.bootstrap_servers, [_call(number) for number in fresh])
            async with asyncio.timeout(_SETUP_SECONDS):
                while not all(number in world.ledger.first_at for number in fresh):
                    await asyncio.sleep(_LOOK_SECONDS)
            await world.twilio.settle()
    return world.ledger.numbers[:count]


def _call(number: str) -> topics.Record:
    return topics.Record(CALL_COMPLETED, json.dumps(body_of(number)).encode(), number.encode())


@contextmanager
def _quick_vendors(world: World) -> Iterator[None]:
    """Have the vendors answer without delay."""
    latencies = world.elevenlabs.latency, world.twilio.latency
    former = [(each.mean, each.spread) for each in latencies]
    for each in latencies:
        each.mean = each.spread = 0.0
    try:
        yield
    finally:
        for each, (mean, spread) in zip(latencies, former, strict=True):
            each.mean, each.spread = mean, spread


async def quiet(world: World) -> float:
    """Wait until every process has caught up: reports, statistics, vacuum. Return the seconds it took."""
    begun = time.monotonic()
    await world.twilio.settle()
    async with asyncio.timeout(_QUIET_SECONDS):
        while True:
            before = usage(world.pids())
            await asyncio.sleep(_QUIET_LOOK_SECONDS)
            spent = usage(world.pids()).since(before).by_name
            if max(spent.values()) < _QUIET_SHARE * _QUIET_LOOK_SECONDS:
                return time.monotonic() - begun
