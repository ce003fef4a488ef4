"""A number certainly has no conversation once all calls published before have been handed over."""

import asyncio
import itertools
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE
from streams.actors.partitions import Partitions
from streams.engine.offsets import TopicPartition

_CALLS = TP(CALL_COMPLETED, 0)
_MESSAGES = TP(INBOUND_MESSAGE, 0)
_GENERATION = 1


def engine(end: int, silent: int = 0) -> Partitions:
    """Partitions read up to offset 2 of a topic that ends at `end`.

    The broker does not tell the end the first `silent` times.
    """
    asked = itertools.count()

    async def highwaters(*partitions: TP) -> dict[TP, int]:
        if next(asked) < silent:
            raise KafkaConnectionError
        return dict.fromkeys(partitions, end)

    consumer = SimpleNamespace(
        assignment=lambda: {_CALLS, _MESSAGES}, highwaters=highwaters, read_up_to=lambda tp, done: done
    )
    hosting = SimpleNamespace(generation=_GENERATION)
    ticks = itertools.count()
    clock = SimpleNamespace(now=lambda: datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=next(ticks)))
    nobody = cast(Any, None)
    made = Partitions(
        lambda: consumer, "", cast(Any, hosting), nobody, nobody, nobody, cast(Any, clock), time.monotonic
    )
    made.sought({_CALLS: 2, _MESSAGES: 2})
    return made


async def test_with_nothing_before_it_a_command_does_not_wait() -> None:
    async with asyncio.timeout(1):
        await engine(2).until_calls_read()


async def test_a_call_before_it_is_waited_for() -> None:
    made = engine(3)
    waiting = asyncio.create_task(made.until_calls_read())
    await asyncio.sleep(0)
    assert not waiting.done()
    made.handed_over(TopicPartition(CALL_COMPLETED, 0), 2, _GENERATION)
    async with asyncio.timeout(1):
        await waiting


async def test_what_a_person_wrote_before_comes_before_what_another_address_hands_over() -> None:
    made = engine(3)
    waiting = asyncio.create_task(made.until_messages_read({0}))
    await asyncio.sleep(0)
    assert not waiting.done()
    made.handed_over(TopicPartition(INBOUND_MESSAGE, 0), 2, _GENERATION)
    async with asyncio.timeout(1):
        await waiting
        await engine(3).until_messages_read({1})


async def test_a_broker_that_does_not_tell_is_asked_again() -> None:
    made = engine(3, silent=2)
    waiting = asyncio.create_task(made.until_messages_read({0}))
    async with asyncio.timeout(10):
        await asyncio.sleep(0)
        made.handed_over(TopicPartition(INBOUND_MESSAGE, 0), 1, _GENERATION)
        assert not waiting.done()
        made.handed_over(TopicPartition(INBOUND_MESSAGE, 0), 2, _GENERATION)
        await waiting


async def test_a_broker_that_never_tells_is_waited_for_within_a_bound() -> None:
    made, passed = engine(3, silent=1_000_000), itertools.count(0.0, 10.0)
    made._monotonic = lambda: next(passed)
    async with asyncio.timeout(10):
        await made.until_messages_read({0})


async def test_nobody_waits_any_more_once_the_partitions_have_moved() -> None:
    made = engine(3)
    waiting = asyncio.create_task(made.until_messages_read({0}))
    await asyncio.sleep(0)
    made._hosting.generation += 1  # type: ignore[misc]
    async with asyncio.timeout(2):
        await waiting
