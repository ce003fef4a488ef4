"""The time that due times are compared with: Postgres', carried on by a clock that counts sleep.

Two workers agree on when something is due, and a process' wall clock that is set anew changes nothing.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

# What a clock may be wrong by for waits of seconds and hours, twice.
_LONGEST_ROUND_TRIP_SECONDS = 1.0


def steady_seconds() -> float:
    """Return seconds that never go back and that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class DatabaseClock:
    """`now()` is what Postgres would say. Set once before it is asked, and again from time to time."""

    def __init__(self, steady: Callable[[], float] = steady_seconds) -> None:
        self._steady = steady
        self._base = datetime.fromtimestamp(0, UTC)
        self._at = steady()
        self._is_set = False

    async def set(self, ask: Callable[[], Awaitable[datetime]]) -> None:
        """Ask Postgres. Half of the round trip is taken for the way back; one that was away meanwhile says too little."""
        before = self._steady()
        told = await ask()
        after = self._steady()
        if self._is_set and after - before > _LONGEST_ROUND_TRIP_SECONDS:
            return
        self._base, self._at, self._is_set = told, (before + after) / 2, True

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return self._base + timedelta(seconds=self._steady() - self._at)

    def seconds(self) -> float:
        """Return the time as Unix seconds."""
        return self.now().timestamp()
