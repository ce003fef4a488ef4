"""Visits every state of the model, the shortest ways first."""

from collections import deque
from dataclasses import dataclass, field

from tests.universe.paper.model import Bounds, Model, State


@dataclass(slots=True)
class Found:
    """`states`, `steps`: how many there are; `broken`: the shortest way to each promise that breaks; `stuck`: to a state in
    which nothing more can happen and something is not done.
    """

    states: int = 0
    steps: int = 0
    broken: dict[str, list[str]] = field(default_factory=dict)
    stuck: list[str] = field(default_factory=list)
    is_whole: bool = True


def explore(bounds: Bounds, bug: str = "", *, with_gap: bool = True, at_first: bool = False) -> Found:
    """Visit all states. `with_gap`: also freezes between a proof and the socket; `at_first`: end with the first broken
    promise. What comes after a broken promise is not looked at.
    """
    model, found = Model(bounds, bug), Found()
    first = model.first()
    came: dict[State, tuple[State, str] | None] = {first: None}
    waiting = deque([first])
    while waiting:
        state = waiting.popleft()
        if promise := model.broken(state):
            found.broken.setdefault(promise, _way(came, state))
            if at_first:
                found.is_whole = False
                break
            continue
        is_last = True
        for name, after in model.steps(state):
            found.steps += 1
            is_last = False
            if after not in came and (with_gap or not after.gap):
                came[after] = state, name
                waiting.append(after)
        if is_last and not found.stuck and not model.is_done(state):
            found.stuck = _way(came, state)
            if at_first:
                found.is_whole = False
                break
    found.states = len(came)
    return found


def _way(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    way: list[str] = []
    while (former := came[state]) is not None:
        state, name = former
        way.append(name)
    return way[::-1]
