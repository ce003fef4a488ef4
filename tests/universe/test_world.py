"""Processes that are frozen in virtual time."""

import pytest

from tests.universe.world import Process, World


@pytest.mark.parametrize(
    ("freezes", "wakes_at", "slept"),
    [
        pytest.param([(1, 10, True)], 11, 10, id="a suspend stops the clock"),
        pytest.param([(1, 10, False)], 11, 0, id="SIGSTOP does not"),
        pytest.param([(1, 10, True), (2, 3, True)], 11, 10, id="a second suspend ends within the first"),
        pytest.param([(1, 10, True), (6, 10, True)], 16, 15, id="a second suspend lasts longer"),
        pytest.param([(1, 10, True), (2, 3, False)], 11, 10, id="a SIGSTOP within a suspend"),
        pytest.param([(1, 10, False), (2, 3, True)], 11, 3, id="a suspend within a SIGSTOP"),
        pytest.param([(1, 4, True), (20, 5, True)], 25, 9, id="one after the other"),
    ],
)
def test_the_clock_of_one_frozen_twice_misses_what_it_slept_and_never_goes_back(
    freezes: list[tuple[float, float, bool]], wakes_at: float, slept: float
) -> None:
    world = World(1)
    process = Process(world, "w0.1")
    woke: list[float] = []
    process.loop.call_at(1.5, lambda: woke.append(world.now))
    for at, seconds, is_asleep in freezes:
        world.at(at, lambda s=seconds, a=is_asleep: process.freeze(s, is_asleep=a))  # type: ignore[misc]
    world.run(40.0)
    assert process.frozen_until == pytest.approx(wakes_at)
    assert process.loop.slept == pytest.approx(slept)
    assert world.now - process.loop.time() == pytest.approx(slept)
    assert process.loop.time() <= world.now
    assert woke
