"""Shortens a history that breaks a promise: what is left breaks it as well, and needs every move."""

import re
from collections.abc import Callable, Sequence

from tests.universe.moves import Move, told
from tests.universe.universe import Outcome, play

# Playing once takes about a second.
_MOST_PLAYS = 150
_PARTICULAR = re.compile(r"\+?[0-9a-f]{8,}[0-9a-f-]*|\d+(\.\d+)?|'[^']*'")


def kind_of(violation: str) -> str:
    """Return a violation without its ids and numbers."""
    return _PARTICULAR.sub("#", violation)[:120]


def shrink(
    outcome: Outcome, moves: Sequence[Move], tell: Callable[[str], None] = lambda _: None
) -> list[Move]:
    """Return the fewest moves that were found to break the same promise."""
    wanted, plays = {kind_of(each) for each in outcome.violations}, 0

    def breaks(some: Sequence[Move]) -> bool:
        nonlocal plays
        plays += 1
        return any(kind_of(each) in wanted for each in play(outcome.seed, some).violations)

    left, size = list(moves), max(1, len(moves) // 2)
    while plays < _MOST_PLAYS:
        for start in range(0, len(left), size):
            fewer = left[:start] + left[start + size :]
            if plays < _MOST_PLAYS and fewer and breaks(fewer):
                left = fewer
                tell(f"{len(left)} moves are left")
                break
        else:
            if size == 1:
                break
            size = max(1, size // 2)
    return left


def as_test(seed: int, moves: Sequence[Move], violation: str) -> str:
    """Return a history as a test to paste."""
    name = re.sub(r"\W+", "_", kind_of(violation)).strip("_").lower()[:60]
    return f"def test_{name}() -> None:\n{told(moves)}\n    assert play({seed}, moves).violations == ()\n"
