"""The time that due times are compared with: Postgres' time, carried on by a clock that counts sleep.

Workers agree on when something is due, and resetting a process's wall clock changes nothing.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog

log = structlog.get_logger()

# Twice the error that a clock may have for waits of seconds to hours.
_LONGEST_ROUND_TRIP_SECONDS = 1.0


def steady_seconds() -> float:
    """Return seconds that never go back and keep counting while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class DatabaseClock:
    """A local copy of Postgres' clock. Set it once before first use, and again from time to time."""

    def __init__(self, steady: Callable[[], float] = steady_seconds) -> None:
        self._steady = steady
        self._base = datetime.fromtimestamp(0, UTC)
        self._at = steady()
        self._is_set = False

    async def set(self, ask: Callable[[], Awaitable[datetime]]) -> None:
        """Set the clock from Postgres, taking half of the round trip for the way back.

        An answer after too long a round trip, as when `ask` waited for Postgres to come back, says too
        little: once set, ignore it; before, ask again.
        """
        while not await self._set(ask) and not self._is_set:
            log.warning("Postgres took too long to tell the time, and is asked again")

    async def _set(self, ask: Callable[[], Awaitable[datetime]]) -> bool:
        before = self._steady()
        told = await ask()
        after = self._steady()
        if after - before > _LONGEST_ROUND_TRIP_SECONDS:
            return False
        self._base, self._at, self._is_set = told, (before + after) / 2, True
        return True

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self._base + timedelta(seconds=self._steady() - self._at)

    def seconds(self) -> float:
        """Return the time as Unix seconds."""
        return self.now().timestamp()
