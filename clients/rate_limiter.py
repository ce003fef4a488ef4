"""How fast this process may send. Twilio counts per sender: each process has the share of its partitions."""

import asyncio
from collections.abc import Callable
from typing import Literal

from aiolimiter import AsyncLimiter

from clients.fair_share import FRESH_SHARE, LATE_SHARE
from schemas.settings import Settings

Share = Callable[[], float]
"""The part of the sender's rate that is this process's: above 0, up to 1."""

Lane = Literal["fresh", "late", "first"]
"""An answer; one that was held up for long; a first message, for which nobody waits."""


def allowed_per_second(settings: Settings) -> float:
    """Return the lower of what the sender may send and what is ours of the account's rate."""
    of_sender = settings.twilio_messages_per_second
    return min(of_sender, settings.twilio_account_messages_per_second or of_sender)


class RateLimiter:
    """A second's worth at once, then evenly: what Twilio counts, and what smooths a backlog after an outage."""

    def __init__(self, per_second: float, share: Share = lambda: 1.0) -> None:
        self._per_second = per_second
        self._share = share
        self._current = 0.0
        self._limiter = AsyncLimiter(per_second, 1.0)
        self._waiting = 0
        # So many of each wait for the rate at once, one after the other, which is how they share it. Nobody waits for a
        # first message, so that a campaign is in nobody's way either.
        self._lanes = {
            "fresh": asyncio.Semaphore(FRESH_SHARE),
            "late": asyncio.Semaphore(LATE_SHARE),
            "first": asyncio.Semaphore(LATE_SHARE),
        }

    async def take(self, lane: Lane) -> None:
        """Acquire a slot as soon as one is free, beside those of the other lanes."""
        self._waiting += 1
        try:
            async with self._lanes[lane]:
                await self.limiter().acquire()
        finally:
            self._waiting -= 1

    def limiter(self) -> AsyncLimiter:
        """Return the limiter for the share of this moment; shares change with assignments."""
        share = self._share()
        if share != self._current:
            self._current = share
            # At less than one a second the period grows instead: a limiter lets one through only if it holds one.
            rate = self._per_second * share
            self._limiter = AsyncLimiter(max(1.0, rate), max(1.0, 1.0 / rate))
        return self._limiter

    def take_now(self) -> bool:
        """Acquire a slot if one is free right now, and nobody waits for it."""
        limiter = self.limiter()
        if self._waiting or not limiter.has_capacity():
            return False
        taking = limiter.acquire()
        try:
            taking.send(None)  # with capacity it ends at its first step
        except StopIteration:
            return True
        taking.close()
        return False
