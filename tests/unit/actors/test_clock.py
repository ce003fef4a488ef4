"""Postgres' time between two readings of it."""

from datetime import UTC, datetime, timedelta

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


async def test_an_answer_that_was_waited_for_changes_nothing_but_the_first_is_taken_as_it_is() -> None:
    steady = Steady()
    clock = DatabaseClock(steady)
    await told(clock, steady, NOON, after=4.0)
    assert clock.now() == NOON + timedelta(seconds=2)
    await told(clock, steady, NOON + timedelta(hours=1), after=600.0)
    assert clock.now() == NOON + timedelta(seconds=602)
