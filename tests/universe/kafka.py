"""Kafka: partitioned logs, and one consumer group with its rebalances."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from clients.kafka.partitioner import partition_of
from tests.universe.network import Service
from tests.universe.world import Process, World

Headers = Sequence[tuple[str, bytes]]
# As `streams.engine.app` sets them.
_SESSION_SECONDS, _REBALANCE_SECONDS = 6.0, 30.0
_LOOK_SECONDS = 0.5


class Place(NamedTuple):
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A record. `timestamp`: Unix seconds."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: float


@dataclass(slots=True)
class Member:
    seen_at: float
    joined: Callable[[int, list[int]], None] | None = None


@dataclass(slots=True)
class Group:
    members: dict[str, Member] = field(default_factory=dict)
    generation: int = 0
    is_joining: bool = False
    committed: dict[Place, int] = field(default_factory=dict)
    owned: dict[str, list[int]] = field(default_factory=dict)
    round: int = 0


class Kafka:
    """`log`: by topic and partition."""

    def __init__(self, world: World, partitions: int) -> None:
        self.world, self.partitions = world, partitions
        self.service: Service[Any] = Service(world, "kafka", KafkaConnectionError, KafkaTimeoutError)
        self.log: dict[Place, list[Stored]] = defaultdict(list)
        self.group = Group()
        self.assigned: list[tuple[float, int]] = []
        """When, and to how many members."""
        self._waiting: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self._look()

    # Records.

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int | None) -> Place:
        if partition is None:
            partition = partition_of((key or b"").decode(), self.partitions)
        place = Place(topic, partition)
        at = self.world.datetime().timestamp()
        stored = Stored(topic, partition, len(self.log[place]), key, value, tuple(headers), at)
        self.log[place].append(stored)
        self.world.note("record", topic, partition, stored.offset, (key or b"").decode())
        waiting, self._waiting[topic] = self._waiting[topic], []
        for wake in waiting:
            wake()
        return place

    def read(self, place: Place, offset: int, most: int) -> list[Stored]:
        return self.log[place][offset : offset + most]

    def when_written(self, topic: str, wake: Callable[[], None]) -> None:
        """Call once when a topic gets a record."""
        self._waiting[topic].append(wake)

    # The group.

    def join(self, name: str, joined: Callable[[int, list[int]], None]) -> None:
        group = self.group
        group.members[name] = Member(self.world.now, joined)
        self._rebalance("join")
        self._complete_if_all_joined()

    def heartbeat(self, name: str, generation: int) -> bool:
        """Return whether a member must join anew."""
        group = self.group
        if name not in group.members or generation != group.generation:
            return True
        group.members[name].seen_at = self.world.now
        return group.is_joining

    def commit(self, name: str, generation: int, offsets: dict[Place, int]) -> bool:
        if name not in self.group.members or generation != self.group.generation:
            self.world.note("commit refused", name)
            return False
        self.group.committed.update(offsets)
        return True

    def leave(self, name: str) -> None:
        if self.group.members.pop(name, None) is not None:
            self._rebalance("leave")
            self._complete_if_all_joined()

    def force_rebalance(self) -> None:
        self._rebalance("forced")

    def _rebalance(self, why: str) -> None:
        group = self.group
        if not group.is_joining:
            group.is_joining, group.round = True, group.round + 1
            self.world.note("rebalance", why)
            current = group.round
            self.world.after(_REBALANCE_SECONDS, lambda: self._give_up_on_absent(current))

    def _give_up_on_absent(self, current: int) -> None:
        group = self.group
        if group.is_joining and group.round == current:
            for name in [each for each, member in group.members.items() if member.joined is None]:
                self.world.note("evicted", name)
                del group.members[name]
            self._complete_if_all_joined()

    def _complete_if_all_joined(self) -> None:
        group = self.group
        if not group.is_joining or any(member.joined is None for member in group.members.values()):
            return
        group.is_joining, group.generation = False, group.generation + 1
        group.owned = self._assignment()
        self.assigned.append((self.world.now, len(group.members)))
        self.world.note("generation", group.generation, group.owned)
        for name, member in group.members.items():
            joined, member.joined, member.seen_at = member.joined, None, self.world.now
            assert joined is not None, "all have"
            joined(group.generation, group.owned[name])

    def _assignment(self) -> dict[str, list[int]]:
        names = sorted(self.group.members)
        if self.world.random.random() < 0.5:
            self.world.random.shuffle(names)
        return {name: list(range(place, self.partitions, len(names))) for place, name in enumerate(names)}

    def _look(self) -> None:
        """Members that are not heard of are dropped."""
        group = self.group
        late = [
            name
            for name, member in group.members.items()
            if member.joined is None and self.world.now - member.seen_at > _SESSION_SECONDS
        ]
        for name in late:
            self.world.note("session over", name)
            del group.members[name]
            self._rebalance("session")
        if late:
            self._complete_if_all_joined()
        self.world.after(_LOOK_SECONDS, self._look)


class Producer:
    """A process's; see `clients.kafka.producer.Producer`. Records of a partition arrive in the order of their sending."""

    def __init__(self, kafka: Kafka, process: Process) -> None:
        self._kafka, self._process = kafka, process
        self._lock = asyncio.Lock()

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = (), *, partition: int | None = None
    ) -> None:
        def append() -> None:
            self._kafka.append(topic, key, value, headers, partition)

        await self._kafka.service.call(self._process, f"send {topic}", append)

    async def send_marked(self, topic: str, records: Sequence[tuple[bytes, bytes, Headers]]) -> None:
        """Some of them may be there when it fails, from the first on."""
        chance = self._kafka.world.random
        is_cut = self._kafka.service.loses and chance.random() < self._kafka.service.loses
        most = chance.randrange(len(records)) if is_cut else len(records)

        def append() -> None:
            for key, value, headers in records[:most]:
                self._kafka.append(topic, key, value, headers, None)
            if most < len(records):
                raise KafkaTimeoutError

        await self._kafka.service.call(self._process, f"send {topic}", append)
