"""Kafka: partitioned logs and a producer."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from clients.kafka.producer import partition_of
from tests.universe.group import Group, Place
from tests.universe.network import Service
from tests.universe.world import Process, World

Headers = Sequence[tuple[str, bytes]]


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


@cache
def _partition_of(key: bytes, partitions: int) -> int:
    """Return a key's partition; cached because there are few keys and the hash is slow."""
    return partition_of(key.decode(), partitions)


class Kafka:
    """A cluster. `log`: records by topic and partition; `group`: the workers' group."""

    def __init__(self, world: World, partitions: int) -> None:
        self.world, self.partitions = world, partitions
        self.service: Service[Any] = Service(world, "kafka", KafkaConnectionError, KafkaTimeoutError)
        self.log: dict[Place, list[Stored]] = defaultdict(list)
        self.group = Group(world, "workers", partitions)
        self._waiting: dict[str, list[Callable[[], None]]] = defaultdict(list)

    # Records.

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int | None
    ) -> Place:
        if partition is None:
            partition = self.partition_of(key)
        place = Place(topic, partition)
        at = self.world.datetime().timestamp()
        stored = Stored(topic, partition, len(self.log[place]), key, value, tuple(headers), at)
        self.log[place].append(stored)
        self.world.note("record", topic, partition, stored.offset, (key or b"").decode())
        waiting, self._waiting[topic] = self._waiting[topic], []
        for wake in waiting:
            wake()
        return place

    def partition_of(self, key: bytes | None) -> int:
        return _partition_of(key or b"", self.partitions)

    def read(self, place: Place, offset: int, most: int) -> list[Stored]:
        return self.log[place][offset : offset + most]

    def when_written(self, topic: str, wake: Callable[[], None]) -> None:
        """Call `wake` once, when a topic gets a record."""
        self._waiting[topic].append(wake)

    # The group.

    def join(self, name: str, joined: Callable[[int, list[int]], None]) -> None:
        self.group.join(name, joined)

    def heartbeat(self, name: str, generation: int) -> bool:
        """Return whether a member must join again."""
        return self.group.heartbeat(name, generation)

    def commit(self, name: str, generation: int, offsets: dict[Place, int]) -> bool:
        return self.group.commit(name, generation, offsets)

    def leave(self, name: str) -> None:
        self.group.leave(name)

    def force_rebalance(self) -> None:
        self.group.rebalance("forced")

    def of_group(self, group: Group) -> "Kafka":
        """Return the same cluster, as another group sees it."""
        found = copy(self)
        found.group = group
        return found


class Producer:
    """A process's producer; see `clients.kafka.producer.Producer`.

    Records of a partition arrive in the order in which they were sent.
    """

    def __init__(self, kafka: Kafka, process: Process) -> None:
        self._kafka, self._process = kafka, process
        self._lock = asyncio.Lock()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        *,
        partition: int | None = None,
    ) -> None:
        def append() -> None:
            self._kafka.append(topic, key, value, headers, partition)

        await self._kafka.service.call(self._process, f"send {topic}", append)

    async def send_marked(self, topic: str, records: Sequence[tuple[bytes, bytes, Headers]]) -> None:
        """Send records. If that fails, some of them may be there, from the first on."""
        chance = self._kafka.world.random
        is_cut = records and self._kafka.service.loses and chance.random() < self._kafka.service.loses
        most = chance.randrange(len(records)) if is_cut else len(records)

        def append() -> None:
            for key, value, headers in records[:most]:
                self._kafka.append(topic, key, value, headers, None)
            if most < len(records):
                raise KafkaTimeoutError

        await self._kafka.service.call(self._process, f"send {topic}", append)
