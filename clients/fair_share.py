"""Who goes first after an outage, when thousands wait and others write: both, in shares. Pure.

The backlog leaves oldest first. Whoever writes now does not queue behind it, as long as the fresh take
no more than three quarters of what the vendor accepts: 60 of 80 messages a second, twice what a busy
campaign brings. At least a quarter is left to those who have waited, so that the newest of them need
not wait for calm.
"""

import asyncio
from collections import deque

FRESH_SHARE, LATE_SHARE = 3, 1
"""How many of each go in turn, while there are both."""


class FairQueue:
    """Waiters in two lanes, each first come, first served. Those who have given up (`done`) are skipped."""

    def __init__(self) -> None:
        self._fresh: deque[asyncio.Future[None]] = deque()
        self._late: deque[asyncio.Future[None]] = deque()
        self._fresh_in_a_row = 0

    def __bool__(self) -> bool:
        return bool(self._fresh or self._late)

    def append(self, waiter: asyncio.Future[None], *, is_late: bool) -> None:
        (self._late if is_late else self._fresh).append(waiter)

    def pop(self) -> asyncio.Future[None] | None:
        """Return who goes next; None when nobody waits any more."""
        while self:
            is_fresh = bool(self._fresh) and not (self._late and self._fresh_in_a_row >= FRESH_SHARE)
            self._fresh_in_a_row = self._fresh_in_a_row + 1 if is_fresh and self._late else 0
            waiter = (self._fresh if is_fresh else self._late).popleft()
            if not waiter.done():
                return waiter
        return None
