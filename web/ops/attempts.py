"""Attempts to sign in, counted by client. Nobody waits here: whoever had too many is told so."""

import math
from collections import defaultdict

from aiolimiter import AsyncLimiter

# A person mistypes a few times.
_ATTEMPTS = 5
_PER_SECONDS = 60.0
# Clients remembered; the oldest are forgotten, so that nobody fills the memory.
_MOST_CLIENTS = 10_000
RETRY_AFTER_SECONDS = math.ceil(_PER_SECONDS / _ATTEMPTS)
"""When a client that had too many has one again."""


class Attempts:
    """Counts attempts. No right token is kept out: it is the tokens' length that makes guessing hopeless."""

    def __init__(self) -> None:
        self._limiters: defaultdict[str, AsyncLimiter] = defaultdict(
            lambda: AsyncLimiter(_ATTEMPTS, _PER_SECONDS)
        )

    async def take(self, client: str) -> bool:
        """Count one, at once; tell whether it is within the limit."""
        if len(self._limiters) >= _MOST_CLIENTS and client not in self._limiters:
            del self._limiters[next(iter(self._limiters))]
        limiter = self._limiters[client]
        is_within = limiter.has_capacity()
        if is_within:
            await limiter.acquire()  # does not wait: there is room, and nobody came between
        return is_within

    def succeeded(self, client: str) -> None:
        """Forget a client's attempts: there was a right one among them."""
        self._limiters.pop(client, None)
