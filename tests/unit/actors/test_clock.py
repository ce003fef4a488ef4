"""Postgres' time between two readings of it."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.actors.clock import DatabaseClock

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Steady:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def told(clock: DatabaseClock, steady: Steady, at: datetime, *, after: float) -> None:
    async def ask() -> datetime:
        steady.now += after
        return at

    await clock.set(ask)


async def test_it_goes_on_and_half_the_round_trip_is_the_way_back() -> None:
    steady = Steady()
    clock = DatabaseClock(steady)
    await told(clock, steady, NOON, after=0.5)
    assert clock.now() == NOON + timedelta(seconds=0.25)
    steady.now += 60
    assert clock.now() == NOON + timedelta(seconds=60.25)


async def test_an_answer_that_was_waited_for_changes_nothing() -> None:
    steady = Steady()
    clock = DatabaseClock(steady)
    await told(clock, steady, NOON, after=0.5)
    await told(clock, steady, NOON + timedelta(hours=1), after=600.0)
    assert clock.now() == NOON + timedelta(seconds=600.25)


@pytest.mark.parametrize("waited", [(), (1.5,), (32.0,), (32.0, 4.0, 1.1)])
async def test_the_first_answer_is_asked_for_again_until_it_was_not_waited_for(
    waited: tuple[float, ...],
) -> None:
    """A worker that starts while Postgres is away was half the outage ahead for a minute.

    It then looked for its sends where they were not, and sent them twice.
    """
    steady, left = Steady(), [*waited, 0.5]

    async def ask() -> datetime:
        steady.now += left.pop(0)
        return NOON + timedelta(seconds=steady.now - 1000.0)

    clock = DatabaseClock(steady)
    await clock.set(ask)
    assert not left
    assert clock.now() == NOON + timedelta(seconds=steady.now - 1000.0 + 0.25)
