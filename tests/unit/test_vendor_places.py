"""Places for conversations at once: how many there are, and who gets the next."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.vendors.places import Limit, Place, Places


def begun(limit: Limit, running: int) -> Place:
    return Place(running, limit.cuts)


def test_a_refusal_takes_places_away_and_answers_bring_them_back() -> None:
    limit = Limit(100)
    limit.refused(20, begun(limit, 20))
    assert limit.now == 10  # of what really ran, not of what was allowed
    for _ in range(10):
        limit.answered(begun(limit, 1))
    assert 10 <= limit.now <= 11
    for _ in range(10_000):
        limit.answered(begun(limit, 1))
    assert limit.now == 100


def test_a_crowd_that_is_refused_together_counts_once() -> None:
    limit = Limit(100)
    before = begun(limit, 100)
    for running in range(100, 0, -1):
        limit.refused(running, before)
    assert limit.now == 50
    assert limit.cuts == 1


def test_a_refusal_of_fewer_than_were_just_answered_takes_one_place() -> None:
    limit = Limit(100)
    for _ in range(3):
        limit.answered(begun(limit, 40))
        limit.refused(40, begun(limit, 40))
        assert limit.now == 39
    limit.refused(39, begun(limit, 39))  # again, and nothing answered between
    assert limit.now == 19


def test_an_answer_from_before_a_refusal_proves_nothing() -> None:
    limit = Limit(100)
    before = begun(limit, 40)
    limit.refused(40, before)
    limit.answered(before)
    limit.refused(20, begun(limit, 20))
    assert limit.now == 10


def test_places_that_became_few_are_found_and_kept() -> None:
    limit, there = Limit(50), 8
    refused = 0
    for _ in range(2000):
        place = begun(limit, limit.now)
        if place.running > there:
            refused += 1
            limit.refused(place.running, place)
        else:
            limit.answered(place)
    assert there <= limit.now <= there + 1
    assert refused < 2000 / there


@given(st.lists(st.one_of(st.none(), st.integers(1, 50)), max_size=200))
def test_there_is_always_a_place_and_never_too_many(happened: list[int | None]) -> None:
    limit = Limit(50)
    for running in happened:
        place = begun(limit, running or limit.now)
        limit.answered(place) if running is None else limit.refused(running, place)
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
