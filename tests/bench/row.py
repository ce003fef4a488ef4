"""A row of the bench."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.bench.window import Figures
from tests.bench.world import World

Play = Callable[[World, float], Awaitable[Figures]]


@dataclass(frozen=True, slots=True)
class Row:
    """One load of the bench."""

    name: str
    load: str
    #: Called with the world and the seconds to measure.
    play: Play
    seconds: float = 20.0
    #: How often to play it unless asked otherwise.
    runs: int = 3
