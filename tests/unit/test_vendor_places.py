"""Places for simultaneous conversations: how many there are, and who gets the next."""

import asyncio
import random
import statistics
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.concurrency_limiter import AdaptiveLimit, ConcurrencyLimiter


def test_a_refusal_takes_a_place_away_and_answers_bring_it_back() -> None:
    limit = AdaptiveLimit(100)
    limit.refused(running=100)
    assert limit.now == 99
    for _ in range(6):
        limit.answered()
    assert limit.now == 100


def test_a_crowd_before_a_full_workspace_leaves_as_many_places_as_there_are() -> None:
    limit, there = AdaptiveLimit(100), 10
    for running in range(100, there, -1):
        limit.refused(running)
    assert limit.now == there


def test_the_refusal_of_one_of_few_says_little_of_many() -> None:
    limit = AdaptiveLimit(100)
    limit.refused(running=3)
    assert limit.now == 80


@pytest.mark.parametrize(("there", "chance"), [(8, 0.0), (1000, 0.1)])
def test_what_is_there_is_used_and_hardly_more_is_asked_for(there: int, chance: float) -> None:
    limit, luck, refused, ran = AdaptiveLimit(50), random.Random(1), 0, []
    for _ in range(5000):
        running = limit.now
        if running > there or luck.random() < chance:
            refused += 1
            limit.refused(running)
        else:
            limit.answered()
        ran.append(running)
    assert statistics.mean(ran[500:]) >= min(there, 40)
    assert refused <= 0.2 * len(ran)


@given(st.lists(st.one_of(st.none(), st.integers(1, 50)), max_size=200))
def test_there_is_always_a_place_and_never_too_many(happened: list[int | None]) -> None:
    limit = AdaptiveLimit(50)
    for running in happened:
        limit.answered() if running is None else limit.refused(running)
        assert 1 <= limit.now <= 50


async def test_first_come_first_served() -> None:
    places, order, go = ConcurrencyLimiter(1), [], asyncio.Event()

    async def one(number: int) -> None:
        async with places.one():
            order.append(number)
            await go.wait()

    tasks = [asyncio.create_task(one(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert (order, places.running) == ([0], 1)
    go.set()
    await asyncio.gather(*tasks)
    assert (order, places.running) == ([0, 1, 2, 3, 4], 0)


@pytest.mark.parametrize("given_first", [False, True])
async def test_who_gives_up_waiting_leaves_no_hole(given_first: bool) -> None:
    places, holding = ConcurrencyLimiter(1), asyncio.Event()

    async def one() -> None:
        async with places.one():
            await holding.wait()

    first, second = asyncio.create_task(one()), asyncio.create_task(one())
    await asyncio.sleep(0)
    if given_first:
        holding.set()
        await first  # the second has a place now, but has not run yet
    second.cancel()
    with suppress(asyncio.CancelledError):
        await second
    holding.set()
    await first
    assert places.running == 0
    async with asyncio.timeout(5):
        await one()
