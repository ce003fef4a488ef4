"""What most seeds draw rarely, drawn often: replays of whole topics, other builds, contradictory ids."""

import random

import pytest

from tests.universe.moves import Move, drawn
from tests.universe.universe import play

_MOVES, _MORE = 120, 4


@pytest.mark.parametrize("name", ["replay", "deploy", "contradict"])
@pytest.mark.parametrize("seed", range(1, 5))
def test_more_of_a_move_breaks_no_promise(seed: int, name: str) -> None:
    assert play(seed, with_more(seed, name)).violations == ()


def with_more(seed: int, name: str) -> list[Move]:
    """Return a seed's history with some more of one move in it."""
    chance, moves = random.Random(f"{name} {seed}"), drawn(seed, _MOVES)
    last = moves[-1].at
    more = [
        Move(last * chance.random(), name, a, chance.randrange(10), chance.random()) for a in range(_MORE)
    ]
    return sorted([*moves, *more])
