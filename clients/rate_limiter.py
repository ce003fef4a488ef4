"""How fast this process may send. Twilio counts per sender, so each process gets its partitions' share."""

import asyncio
from collections.abc import Callable
from typing import Literal

from aiolimiter import AsyncLimiter

from clients.fair_share import FRESH_SHARE, LATE_SHARE
from schemas.settings import Settings

Share = Callable[[], float]
"""This process's part of the sender's rate: above 0, up to 1."""

Lane = Literal["fresh", "late", "first"]
"""An answer; an answer that was held up for long; a first message, for which nobody waits."""


def allowed_per_second(settings: Settings) -> float:
    """Return the lower of the sender's rate and our part of the account's rate."""
    of_sender = settings.twilio_messages_per_second
    return min(of_sender, settings.twilio_account_messages_per_second or of_sender)


class RateLimiter:
    """A second's worth at once, then evenly: this is what Twilio counts, and smooths an outage's backlog."""

    def __init__(self, per_second: float, share: Share = lambda: 1.0) -> None:
        self._per_second = per_second
        self._share = share
        self._current = 0.0
        self._limiter = AsyncLimiter(per_second, 1.0)
        self._waiting = 0
        # So many of each queue for the rate at once, which is how lanes share it. Nobody waits for a first
        # message, so that a campaign is in nobody's way either.
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
        """Return the limiter for the current share; shares change with assignments."""
        share = self._share()
        if share != self._current:
            self._current = share
            # Below one a second the period grows instead: a limiter must hold one to let it through.
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
            taking.send(None)  # with capacity this ends at its first step
        except StopIteration:
            return True
        taking.close()
        return False
