"""Places for concurrent conversations: as many as the workspace really has, learned from its refusals.

The workspace's limit is shared with its phone calls (a handshake is checked against the voice limit first),
so it may be far below what is configured. Each refusal takes places away; answers give them back one by one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clients.fair_share import FairQueue

# Answers that give one place back. With a full workspace a sixth of the questions is refused once; with a
# vendor that refuses fewer than that by chance (`system_busy` comes with the same code) the limit stays up.
_ANSWERS_A_PLACE = 5
# The least share that one refusal leaves: a refusal among a few says little about how many would be refused.
_KEPT_SHARE = 0.8


class AdaptiveLimit:
    """How many may run now, between 1 and `most`. Pure.

    Each refusal takes one place off those that really ran: when a crowd meets a full workspace, as many are
    refused as were too many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = float(most)

    @property
    def now(self) -> int:
        return int(self._now)

    def refused(self, running: int) -> None:
        """Take places away: one of `running`, itself included, was refused."""
        self._now = max(1.0, min(self._now - 1, max(running - 1, self._now * _KEPT_SHARE)))

    def answered(self) -> None:
        """Give back part of a place: one was answered."""
        self._now = min(float(self._most), self._now + 1 / _ANSWERS_A_PLACE)


class ConcurrencyLimiter:
    """A queue for places, first come, first served; those held up before they came share with the others."""

    def __init__(self, most: int) -> None:
        self.limit = AdaptiveLimit(most)
        self.running = 0
        self._waiting = FairQueue()

    @asynccontextmanager
    async def one(self, *, is_late: bool = False) -> AsyncIterator[None]:
        """Hold a place. `is_late`: whoever asks was held up for long, by an outage for instance."""
        if self._waiting or self.running >= self.limit.now:
            await self._wait(is_late=is_late)
        else:
            self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._wake()

    async def _wait(self, *, is_late: bool) -> None:
        """Wait until whoever makes room counts this one as running."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter, is_late=is_late)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # this one already had a place
                self.running -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        while self.running < self.limit.now and (waiter := self._waiting.pop()) is not None:
            self.running += 1
            waiter.set_result(None)
