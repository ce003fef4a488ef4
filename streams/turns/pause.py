"""A pause for a whole vendor: while it does not answer, one call at a time probes it, and all others wait for that.

So an outage costs neither tries nor CPU, and its end is noticed within a few seconds.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from schemas.errors import Fenced, NumberBusy, RetryableError, TerminalError, UnknownOutcome

log = structlog.get_logger()

# One number's trouble is not the vendor's: so many failures in a row, with no success of any number between, are.
_FAILURES = 5
# Twilio's and ElevenLabs' outages last minutes; a probe this often is noticed by neither, and the backlog starts soon.
_PROBE_EVERY_SECONDS = 2.0
# What health judges by: old outcomes must leave it soon after an outage ends, and a burst must not grow it.
_RECENT_SECONDS = 10.0
_MOST_OUTCOMES = 200


class Pause:
    """`async with pause.attempt(): ...` around each call to the vendor. `moved_at`: last answer or failure, monotonic s."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        self._failures = 0
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=_MOST_OUTCOMES)
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._probe: asyncio.TimerHandle | None = None
        self.is_on = False
        self.moved_at = time.monotonic()

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Wait while the vendor is paused; then learn from what the call comes to.

        Raises:
            Fenced: the worker gives its partitions up.
        """
        if self.is_on:
            await self._turn()
        try:
            yield
        except (NumberBusy, TerminalError):
            self._answered()
            raise
        except (RetryableError, UnknownOutcome):
            self._failed()
            raise
        except BaseException:
            self._probe_again()  # cancelled: nothing was learnt
            raise
        self._answered()

    def recent(self) -> dict[str, int]:
        """Give how many of the newest calls, of the last 10 s, were answered and how many failed."""
        since = time.monotonic() - _RECENT_SECONDS
        outcomes = [answered for at, answered in self._outcomes if at > since]
        return {"answered": sum(outcomes), "failed": len(outcomes) - sum(outcomes)}

    def abandon(self) -> None:
        """Send all who wait home: their partitions go to another worker."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(Fenced("drained while the vendor was away"))

    async def _turn(self) -> None:
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._probe_again()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._probe_again()  # it was to probe
            raise

    def _failed(self) -> None:
        self.moved_at = time.monotonic()
        self._outcomes.append((self.moved_at, False))
        self._failures += 1
        if not self.is_on and self._failures >= _FAILURES:
            self.is_on = True
            log.warning("vendor is paused", vendor=self.vendor)
        self._probe_again()

    def _answered(self) -> None:
        self.moved_at = time.monotonic()
        self._outcomes.append((self.moved_at, True))
        self._failures = 0
        if not self.is_on:
            return
        self.is_on = False
        log.info("vendor answers again", vendor=self.vendor, waiting=len(self._waiting))
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(False)

    def _probe_again(self) -> None:
        if self.is_on and self._waiting and self._probe is None:
            self._probe = asyncio.get_running_loop().call_later(_PROBE_EVERY_SECONDS, self._let_one)

    def _let_one(self) -> None:
        self._probe = None
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter.set_result(True)
        return None
