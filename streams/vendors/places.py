"""Places for conversations at once: as many as the workspace really has, found out from its refusals.

The workspace's limit is shared with its phone calls (a handshake is checked against the voice limit first), so it may be
far below what is configured. Each refusal takes places away, answers give them back one by one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# As TCP does it: quickly down, slowly up.
_KEPT_SHARE = 0.5


class Limit:
    """How many may run now, between 1 and `most`. Pure."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = float(most)
        self.cuts = 0

    @property
    def now(self) -> int:
        return int(self._now)

    def refused(self, running: int, cuts_before: int) -> None:
        """One of `running` was refused. Of those that began under one limit only the first refusal counts."""
        if cuts_before == self.cuts:
            self._now = max(1.0, min(self._now, running) * _KEPT_SHARE)
            self.cuts += 1

    def answered(self) -> None:
        """One was answered: a round of answers makes one place more."""
        self._now = min(float(self._most), self._now + 1 / self._now)


class Places:
    """Waits for a place, first come, first served."""

    def __init__(self, most: int) -> None:
        self.limit = Limit(most)
        self.running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[int]:
        """Have a place; gives the cuts of the limit so far, for `Limit.refused`."""
        if self._waiting or self.running >= self.limit.now:
            await self._wait()
        else:
            self.running += 1
        try:
            yield self.limit.cuts
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
