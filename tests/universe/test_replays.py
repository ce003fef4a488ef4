"""Replays in the middle of a history: what is done stays done, what failed may go on, and every promise holds."""

import random

import pytest

from tests.universe.moves import Move, drawn
from tests.universe.universe import play

_MOVES, _REPLAYS = 120, 4


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_replay_of_all_that_came_breaks_no_promise(seed: int) -> None:
    assert play(seed, with_replays(seed)).violations == ()


def with_replays(seed: int) -> list[Move]:
    """Return a seed's history with replays of whole topics in it."""
    chance, moves = random.Random(f"replays {seed}"), drawn(seed, _MOVES)
    last = moves[-1].at
    replays = [Move(last * chance.random(), "replay", place, chance.randrange(3), 0.0) for place in range(_REPLAYS)]
    return sorted([*moves, *replays])
