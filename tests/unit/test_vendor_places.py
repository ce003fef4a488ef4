"""Places for conversations at once: how many there are, and who gets the next."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.vendors.places import Limit, Places


def test_a_refusal_takes_places_away_and_answers_bring_them_back() -> None:
    limit = Limit(100)
    limit.refused(running=20, cuts_before=limit.cuts)
    assert limit.now == 10  # of what really ran, not of what was allowed
    for _ in range(10):
        limit.answered()
    assert 10 <= limit.now <= 11
    for _ in range(10_000):
        limit.answered()
    assert limit.now == 100


def test_a_crowd_that_is_refused_together_counts_once() -> None:
    limit, before = Limit(100), 0
    for running in range(100, 0, -1):
        limit.refused(running, before)
    assert limit.now == 50
    assert limit.cuts == 1


@given(st.lists(st.one_of(st.none(), st.integers(1, 50)), max_size=200))
def test_there_is_always_a_place_and_never_too_many(happened: list[int | None]) -> None:
    limit = Limit(50)
    for running in happened:
        limit.answered() if running is None else limit.refused(running, limit.cuts)
        assert 1 <= limit.now <= 50


async def test_first_come_first_served() -> None:
    places, order, go = Places(1), [], asyncio.Event()

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
    places, holding = Places(1), asyncio.Event()

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
