"""Keeps the in-order line and the lane ahead of it from handing over one number at once.

Remembers what went ahead, until its turn comes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from streams.actors.backlog import Backlog
from streams.actors.values import Told
from streams.engine.following import Followed
from streams.engine.offsets import TopicPartition


class Receiver(Protocol):
    """What records are handed to, see `streams.actors.hosting`."""

    @property
    def generation(self) -> int: ...
    async def put(
        self,
        source: TopicPartition,
        offset: int,
        key: str,
        told: Told,
        token: object,
        generation: int,
        *,
        urgent: bool,
    ) -> None: ...


@dataclass(slots=True)
class Early:
    """A record that was handed over before its turn.

    `release`: what to do once it is durable and its turn has come.
    """

    is_durable: bool = False
    release: Callable[[], None] | None = None

    def ack(self) -> None:
        self.is_durable = True
        if self.release is not None:
            self.release()

    def reached(self, release: Callable[[], None]) -> None:
        """Note that its turn has come."""
        self.release = release
        if self.is_durable:
            release()


class Turns:
    """Who hands over a number's messages now, and which were handed over before their turn.

    `backlog`: what lies between the two while somebody goes ahead.
    """

    def __init__(self) -> None:
        self.backlog: Backlog | None = None
        self._generation = -1
        self._early: dict[tuple[int, int], Early] = {}
        self._running: dict[bytes, asyncio.Event] = {}

    @asynccontextmanager
    async def of(self, key: bytes | None) -> AsyncIterator[None]:
        """Hand over a number's messages; the other one waits meanwhile."""
        name = key or b""
        while (other := self._running.get(name)) is not None:
            await other.wait()
        mine = self._running[name] = asyncio.Event()
        try:
            yield
        finally:
            del self._running[name]
            mine.set()

    # In the topic's order.

    def reached(self, partition: int, offset: int, generation: int) -> Early | None:
        """Return a record whose turn has come if it went ahead, and forget it."""
        return self._early.pop((partition, offset), None) if generation == self._generation else None

    def passed(self, key: bytes | None, partition: int, offset: int, generation: int) -> None:
        """Note that a record was handed over in its turn."""
        if self.backlog is not None and generation == self._generation:
            self.backlog.handed_over(key or b"", partition, offset)

    # Ahead of it.

    def begin(self, generation: int, backlog: Backlog) -> None:
        """Go ahead under an assignment. What went ahead under it before is remembered."""
        if generation != self._generation:
            self._generation, self._early = generation, {}
        self.backlog = backlog

    def end(self) -> None:
        """Have all wait for their turn again."""
        self.backlog = None

    def is_early(self, record: Followed) -> bool:
        return (record.partition, record.offset) in self._early

    def is_taken(self, key: bytes) -> bool:
        """Return whether a number's messages are being handed over."""
        return key in self._running

    def went_ahead(self, record: Followed, early: Early) -> None:
        """Note that a record was handed over before its turn, within `of` its number."""
        if self.backlog is not None:
            self.backlog.handed_over(record.key or b"", record.partition, record.offset)
        self._early[record.partition, record.offset] = early
