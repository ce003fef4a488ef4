"""What may happen, drawn from the seed as a list, so that a history can be shown, shortened and replayed."""

import random
from collections.abc import Sequence
from typing import Final, NamedTuple

WEIGHTS: Final = {
    # clients, the backend, operators
    "write": 60,
    "burst": 10,
    "crowd": 4,
    "say": 12,
    "call": 14,
    "command": 14,
    "repeat": 6,
    "poison": 1,
    "erase": 1,
    "replay": 3,
    "contradict": 2,
    # processes
    "kill": 6,
    "freeze": 5,
    "sleep": 2,
    "terminate": 3,
    "scale": 3,
    "rebalance": 3,
    "die_at_step": 6,
    "deploy": 2,
    "strike": 24,
    # what lies between
    "cut_off": 5,
    "cut_off_topic": 4,
    "postgres_away": 3,
    "postgres_loses": 5,
    "postgres_slow": 6,
    "postgres_clashes": 4,
    "kafka_away": 3,
    "kafka_loses": 4,
    "kafka_slow": 3,
    "clock": 2,
    "outage": 3,
    # what is outside
    "storm": 14,
    "list_lags": 4,
    "agent": 6,
}
_PEOPLE: Final = frozenset(("write", "burst", "crowd", "say", "call", "command"))
# Seconds between two moves: most follow immediately.
_GAPS: Final = ((0.0, 0.01, 0.05, 0.2, 0.5, 1.0), (0.0, 0.05, 0.2, 1.0, 2.0), (0.0, 0.5, 2.0, 4.0))
_REST_SHARE, _REST_SECONDS = 0.02, 15.0
# How long nobody does anything in the middle of some histories: what is kept only for a time then expires.
_NIGHTS: Final = (0.0, 0.0, 300.0)


class Move(NamedTuple):
    """A move. `a` and `b`: small numbers that choose among what is there; `x`: from 0 to 1."""

    at: float
    name: str
    a: int
    b: int
    x: float


def drawn(seed: int, count: int) -> list[Move]:
    """Return a history. It mostly begins with calls, as conversations do."""
    chance, at = random.Random(f"moves {seed}"), 1.0
    called, gaps, night = chance.choice((0.3, 0.7, 1.0)), chance.choice(_GAPS), chance.choice(_NIGHTS)
    moves = [
        Move(at + number / 10, "call", number, 0, 0.5) for number in range(10) if chance.random() < called
    ]
    names, weights = list(WEIGHTS), _moody(chance)
    while len(moves) < count:
        at += chance.choice(gaps) if chance.random() > _REST_SHARE else _REST_SECONDS * chance.random()
        at += night if len(moves) == count // 2 else 0.0
        [name] = chance.choices(names, weights)
        moves.append(
            Move(round(at, 3), name, chance.randrange(10), chance.randrange(10), round(chance.random(), 3))
        )
    return moves[:count]


def _moody(chance: random.Random) -> list[float]:
    """Return the weights of a seed's own mood.

    Some faults come often and most never, so that they do not hide each other. People go on talking.
    """
    hardness = chance.choice((0.3, 1.0, 1.0, 2.0))
    mood = {
        name: chance.choice((0.3, 1.0, 1.0, 3.0))
        if name in _PEOPLE
        else hardness * chance.choice((0.0, 0.0, 0.3, 1.0, 3.0))
        for name in WEIGHTS
    }
    return [weight * mood[name] for name, weight in WEIGHTS.items()]


def told(moves: Sequence[Move]) -> str:
    """Return a history as a test to paste."""
    lines = [f"        Move({m.at}, {m.name!r}, {m.a}, {m.b}, {m.x})," for m in moves]
    return "\n".join(["    moves = [", *lines, "    ]"])
