"""A row of the bench."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.bench.window import Figures
from tests.bench.world import World

Play = Callable[[World, float], Awaitable[Figures]]


@dataclass(frozen=True, slots=True)
class Row:
    """`play`: given the world and how many seconds to measure. `runs`: how often, where nobody asks for more."""

    name: str
    load: str
    play: Play
    seconds: float = 20.0
    runs: int = 3
