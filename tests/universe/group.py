"""A consumer group: sessions, generations, rebalances, committed offsets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from streams.engine.membership import SESSION_TIMEOUT_SECONDS
from tests.universe.world import World

# As set by `streams.engine.app`.
_REBALANCE_SECONDS = 30.0
_LOOK_SECONDS = 0.5


class Place(NamedTuple):
    topic: str
    partition: int


@dataclass(slots=True)
class Member:
    seen_at: float
    joined: Callable[[int, list[int]], None] | None = None


class Group:
    """A group's members and offsets. `owned`: partitions by member."""

    def __init__(self, world: World, name: str, partitions: int) -> None:
        self.world, self.partitions = world, partitions
        self._label = () if name == "workers" else (name,)
        self.members: dict[str, Member] = {}
        self.generation = self.round = 0
        self.is_joining = False
        self.committed: dict[Place, int] = {}
        self.owned: dict[str, list[int]] = {}
        self.assigned: list[tuple[float, int]] = []
        """When partitions were assigned, and to how many members."""
        self._look()

    def join(self, name: str, joined: Callable[[int, list[int]], None]) -> None:
        self.members[name] = Member(self.world.now, joined)
        self.rebalance("join")
        self._complete_if_all_joined()

    def heartbeat(self, name: str, generation: int) -> bool:
        """Return whether a member must join again."""
        if name not in self.members or generation != self.generation:
            return True
        self.members[name].seen_at = self.world.now
        return self.is_joining

    def commit(self, name: str, generation: int, offsets: dict[Place, int]) -> bool:
        if name not in self.members or generation != self.generation:
            self.world.note("commit refused", name)
            return False
        self.committed.update(offsets)
        return True

    def leave(self, name: str) -> None:
        if self.members.pop(name, None) is not None:
            self.rebalance("leave")
            self._complete_if_all_joined()

    def rebalance(self, why: str) -> None:
        if not self.is_joining:
            self.is_joining, self.round = True, self.round + 1
            self.world.note("rebalance", *self._label, why)
            current = self.round
            self.world.after(_REBALANCE_SECONDS, lambda: self._give_up_on_absent(current))

    def _give_up_on_absent(self, current: int) -> None:
        if self.is_joining and self.round == current:
            for name in [each for each, member in self.members.items() if member.joined is None]:
                self.world.note("evicted", name)
                del self.members[name]
            self._complete_if_all_joined()

    def _complete_if_all_joined(self) -> None:
        if not self.is_joining or any(member.joined is None for member in self.members.values()):
            return
        self.is_joining, self.generation = False, self.generation + 1
        self.owned = self._assignment()
        self.assigned.append((self.world.now, len(self.members)))
        self.world.note("generation", *self._label, self.generation, self.owned)
        for name, member in self.members.items():
            joined, member.joined, member.seen_at = member.joined, None, self.world.now
            assert joined is not None, "all have"
            joined(self.generation, self.owned[name])

    def _assignment(self) -> dict[str, list[int]]:
        names = sorted(self.members)
        if self.world.random.random() < 0.5:
            self.world.random.shuffle(names)
        return {name: list(range(place, self.partitions, len(names))) for place, name in enumerate(names)}

    def _look(self) -> None:
        """Drop members that have not been heard from."""
        late = [
            name
            for name, member in self.members.items()
            if member.joined is None and self.world.now - member.seen_at > SESSION_TIMEOUT_SECONDS
        ]
        for name in late:
            self.world.note("session over", name)
            del self.members[name]
            self.rebalance("session")
        if late:
            self._complete_if_all_joined()
        self.world.after(_LOOK_SECONDS, self._look)
