"""A process that owns partitions: its store, its epochs, and a connection to Postgres that loses answers."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import asyncpg

from db.pool import Pool
from db.store.ownership import claim
from mailboxes.ports import KeyWrite, Outcome
from rules.draft import Fresh
from rules.policy import Policy
from schemas.rows import LogRow
from streams.actors.behaviour import Conversations
from streams.actors.store import CannotBeWritten, ConversationStore
from streams.actors.values import Transition
from tests.model.number import Number

_FUTURE = datetime.max.replace(tzinfo=UTC)


class LossyWay:
    """Passes everything on. `loses`: how many of the next statements are executed but lose their answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.loses = 0

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._pool.fetch(query, *arguments)
        self._lose()
        return rows

    async def fetchval(self, query: str, *arguments: object) -> object:
        value: object = await self._pool.fetchval(query, *arguments)
        self._lose()
        return value

    def _lose(self) -> None:
        if self.loses:
            self.loses -= 1
            raise asyncpg.ConnectionDoesNotExistError("the connection was cut")

    def is_closing(self) -> bool:
        return False


class Sequences:
    """The order of each partition's log. Nothing is published."""

    def __init__(self) -> None:
        self.newest: dict[int, int] = {}

    def next_sequence(self, partition: int, epoch: int) -> int:
        self.newest[partition] += 1
        return self.newest[partition]

    def begun(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...
    def written(self, partition: int, epoch: int, key: str, rows: Sequence[tuple[LogRow, int]]) -> None: ...
    def refused(self, partition: int, epoch: int, rows: Sequence[LogRow]) -> None: ...


class Process:
    """A process. `epochs`: its partitions' epochs, as far as it knows."""

    def __init__(self, name: str, pool: Pool, policy: Policy, fresh: Fresh) -> None:
        self.name = name
        self.epochs: dict[int, int] = {}
        self.way = LossyWay(pool)
        self._pool = pool
        self._sequences = Sequences()
        way = cast(Pool, cast(Any, self.way))
        self.store = ConversationStore(way, policy, self._sequences, lambda partition, at: None, lambda: 0.0)
        self.behaviour = Conversations(
            policy, fresh, seen=self.store.was_seen, calls_read_until=lambda: _FUTURE, now=lambda: 0.0
        )

    async def claim(self, partition: int) -> None:
        """Own a partition from now on."""
        [claimed] = (await claim(self._pool, {partition}, self.name)).values()
        self.epochs[partition], self._sequences.newest[partition] = claimed.epoch, claimed.sequence

    async def load(self, numbers: Sequence[Number]) -> None:
        """Load the numbers that have inputs and are not in memory."""
        if absent := [number for number in numbers if number.actor is None]:
            actors = await self.store.load([number.key for number in absent])
            for number in absent:
                number.loaded(actors[number.key])

    async def write(self, numbers: Sequence[Number], most: int) -> None:
        """Decide on these numbers' inputs and write the result as one group. `most`: inputs per write."""
        await self.load(numbers)
        deciding = [number for number in numbers if number.decide(self.behaviour, most)]
        writes = [self.key_write(number.key, number.partition, number.writes) for number in deciding]
        for number, outcome in zip(deciding, await self.store.append(writes) if writes else (), strict=True):
            if outcome is Outcome.WRITTEN:
                number.written()
            elif outcome is Outcome.CONFLICT:
                number.refused()
            else:
                assert isinstance(outcome, CannotBeWritten), outcome
                number.failed(outcome)

    def key_write(self, key: str, partition: int, writes: tuple[Transition, ...]) -> KeyWrite[Transition]:
        return KeyWrite(key, partition, self.epochs[partition], uuid.uuid4().hex, writes)
