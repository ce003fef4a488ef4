"""Visits every state of the model, shortest paths first. Nothing after a broken promise is explored."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.universe.paper.model import Bounds, Model, State

# More than a partition's states: there are some 50,000 with two messages.
_BITS = 24


@dataclass(slots=True)
class Found:
    """What exploring has found."""

    #: How many states there are.
    states: int = 0
    #: How many steps there are.
    steps: int = 0
    #: The shortest path to each promise that breaks.
    broken: dict[str, list[str]] = field(default_factory=dict)
    #: A path to a state where nothing more can happen and something is not done.
    stuck: list[str] = field(default_factory=list)


class Steps(NamedTuple):
    """What can happen in a state of one partition. A step is a change of the state's number."""

    broken: str
    is_done: bool
    #: Its own steps that spend no rebalance.
    free: tuple[int, ...]
    #: Its own steps that spend one, claiming a partition of a worker that is heard of.
    spent: tuple[int, ...]
    #: Steps shared by all partitions; None: not explored.
    fates: tuple[int | None, ...]
    #: The step when another partition has spent a rebalance.
    left: int


class Partition:
    """One partition's states, by their numbers.

    Each state's steps are worked out once, however many states of the whole it is part of.
    """

    def __init__(self, model: Model, place: int) -> None:
        self._model, self._shift = model, place * _BITS
        self._numbers: dict[State, int] = {}
        self._states: list[State] = []
        self._steps: list[Steps | None] = []
        self.first = self._number(model.first(owner=place))

    def steps(self, number: int) -> Steps:
        found = self._steps[number]
        if found is None:
            found = self._steps[number] = self._found(number, self._states[number])
        return found

    def _found(self, number: int, state: State) -> Steps:
        model, here = self._model, number << self._shift
        own = [after for _, after in model.own(state)]
        free = (self._number(after) for after in own if after.rebalances == state.rebalances)
        spent = (self._number(after) for after in own if after.rebalances != state.rebalances)
        fates = (None if after is None else self._number(after) for _, after in model.fates(state))
        left = self._number(state._replace(rebalances=state.rebalances - 1)) if state.rebalances else number
        return Steps(
            broken=model.broken(state),
            is_done=model.is_done(state),
            free=tuple((each << self._shift) - here for each in free),
            spent=tuple((each << self._shift) - here for each in spent),
            fates=tuple(None if each is None else (each << self._shift) - here for each in fates),
            left=(left << self._shift) - here,
        )

    def _number(self, state: State) -> int:
        if (known := self._numbers.get(state)) is not None:
            return known
        number = self._numbers[state] = len(self._states)
        self._states.append(state)
        self._steps.append(None)
        return number

    def way(self, former: int, number: int) -> str:
        """Return the step between two states; "" if they are the same or another partition takes the step."""
        before, after = self._states[former], self._states[number]
        for name, each in (*self._model.own(before), *self._model.fates(before)):
            if each == after:
                return name
        return ""


class Whole:
    """All partitions together. A state is a number that has some bits for each partition's state."""

    def __init__(self, bounds: Bounds, bug: str, *, with_gap: bool) -> None:
        counts = [bounds.keys.count(partition) for partition in range(max(bounds.keys) + 1)]
        models = [Model(bounds._replace(keys=(0,) * count), bug, with_gap=with_gap) for count in counts]
        self.partitions = [Partition(model, place) for place, model in enumerate(models)]

    def numbers(self, state: int) -> list[int]:
        mask = (1 << _BITS) - 1
        return [state >> (place * _BITS) & mask for place in range(len(self.partitions))]

    def first(self) -> int:
        return sum(each.first << (place * _BITS) for place, each in enumerate(self.partitions))

    def parts(self, state: int) -> list[Steps]:
        return [each.steps(number) for each, number in zip(self.partitions, self.numbers(state), strict=True)]

    def after(self, state: int, parts: list[Steps]) -> Iterator[int]:
        """Yield every next state: after a step of one partition, or one that all of them take."""
        left = sum(each.left for each in parts)
        for each in parts:
            for change in each.free:
                yield state + change
            for change in each.spent:
                yield state + change + left - each.left
        for changes in zip(*[each.fates for each in parts], strict=True):
            if None not in changes:
                yield state + sum(changes)  # type: ignore[arg-type]

    def name(self, former: int, state: int) -> str:
        """Name the step from one state to the next."""
        pairs = list(zip(self.partitions, self.numbers(former), self.numbers(state), strict=True))
        told = [each.way(*numbers) for each, *numbers in pairs]
        place, name = max(enumerate(told), key=lambda pair: len(pair[1]))
        is_fate = all(told) or len(told) == 1
        return name if is_fate else f"p{place}: {name}"


def explore(bounds: Bounds, bug: str = "", *, with_gap: bool = True, at_first: bool = False) -> Found:
    """Visit all states.

    Args:
        with_gap: Also freeze between a proof and the socket.
        at_first: End with the first state that breaks a promise or is stuck.
    """
    whole, found = Whole(bounds, bug, with_gap=with_gap), Found()
    first = whole.first()
    came, waiting = {first: -1}, [first]
    while waiting and not (at_first and (found.broken or found.stuck)):
        reached: list[int] = []
        for state in waiting:
            parts = whole.parts(state)
            if promises := [each.broken for each in parts if each.broken]:
                for promise in set(promises) - found.broken.keys():
                    found.broken[promise] = _way(whole, came, state)
                continue
            before = found.steps
            for after in whole.after(state, parts):
                found.steps += 1
                if after not in came:
                    came[after] = state
                    reached.append(after)
            if found.steps == before and not found.stuck and not all(each.is_done for each in parts):
                found.stuck = _way(whole, came, state)
        waiting = reached
    found.states = len(came)
    return found


def _way(whole: Whole, came: dict[int, int], state: int) -> list[str]:
    way: list[str] = []
    while (former := came[state]) >= 0:
        way.append(whole.name(former, state))
        state = former
    return way[::-1]
