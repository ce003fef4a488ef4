"""Places for conversations at once: as many as the workspace really has, found out from its refusals.

The workspace's limit is shared with its phone calls (a handshake is checked against the voice limit first), so it may be
far below what is configured. Each refusal takes places away, answers give them back one by one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

# As TCP does it: quickly down, slowly up.
_KEPT_SHARE = 0.5


class Place(NamedTuple):
    """One that runs. `running`: how many ran when it began, itself included; `cuts`: of the limit until then."""

    running: int
    cuts: int


class Limit:
    """How many may run now, between 1 and `most`. Pure.

    A refusal below what was answered a moment ago is a busy vendor, not a full workspace, and takes one place only: a
    share of 2 % of such refusals would otherwise keep the limit at ten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = float(most)
        self._proven = 0
        self.cuts = 0

    @property
    def now(self) -> int:
        return int(self._now)

    def refused(self, running: int, place: Place) -> None:
        """One of `running` was refused. Of those that began under one limit only the first refusal counts."""
        if place.cuts == self.cuts:
            self._now = max(1.0, min(self._now, max(running * _KEPT_SHARE, min(self._proven, running - 1))))
            self._proven, self.cuts = 0, self.cuts + 1

    def answered(self, place: Place) -> None:
        """One was answered: a round of answers makes one place more."""
        if place.cuts == self.cuts:
            self._proven = max(self._proven, place.running)
        self._now = min(float(self._most), self._now + 1 / self._now)


class Places:
    """Waits for a place, first come, first served."""

    def __init__(self, most: int) -> None:
        self.limit = Limit(most)
        self.running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Place]:
        """Have a place, for which the limit is told what came of it."""
        if self._waiting or self.running >= self.limit.now:
            await self._wait()
        else:
            self.running += 1
        try:
            yield Place(self.running, self.limit.cuts)
        finally:
            self.running -= 1
            self._wake()

    async def _wait(self) -> None:
        """Wait until whoever makes room counts this one as running."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # it had been given a place already
                self.running -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and self.running < self.limit.now:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self.running += 1
                waiter.set_result(None)
