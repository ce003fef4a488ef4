"""How fast this process may send. Twilio counts per sender: each process has the share of its partitions."""

import asyncio
from collections.abc import Callable

from aiolimiter import AsyncLimiter

from schemas.settings import Settings

Share = Callable[[], float]
"""The part of the sender's rate that is this process's: above 0, up to 1."""


def allowed_per_second(settings: Settings) -> float:
    """Return the lower of what the sender may send and what is ours of the account's rate."""
    of_sender = settings.twilio_messages_per_second
    return min(of_sender, settings.twilio_account_messages_per_second or of_sender)


# So many of each wait for the rate at once, one after the other, which is how they share it. After an outage whoever
# writes now is answered almost as in calm as long as no more than three quarters of the sender's rate do (60 a second
# of 80, twice what a busy campaign brings), and what has waited leaves with the rest, a quarter at least.
_FRESH, _LATE = 3, 1


class RateLimiter:
    """A second's worth at once, then evenly: what Twilio counts, and what smooths a backlog after an outage."""

    def __init__(self, per_second: float, share: Share = lambda: 1.0) -> None:
        self._per_second = per_second
        self._share = share
        self._current = 0.0
        self._limiter = AsyncLimiter(per_second, 1.0)
        self._fresh, self._late = asyncio.Semaphore(_FRESH), asyncio.Semaphore(_LATE)

    async def take(self, *, is_late: bool) -> None:
        """Acquire a slot as soon as one is free. `is_late`: it was held up for long, and leaves beside others."""
        async with self._late if is_late else self._fresh:
            await self.limiter().acquire()

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
        """Acquire a slot if one is free right now."""
        limiter = self.limiter()
        if not limiter.has_capacity():
            return False
        taking = limiter.acquire()
        try:
            taking.send(None)  # with capacity it ends at its first step
        except StopIteration:
            return True
        taking.close()
        return False
