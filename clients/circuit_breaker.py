"""A circuit breaker: while a vendor does not answer, one call at a time probes it and all others wait.

So an outage costs neither tries nor CPU, and its end is noticed within a few seconds.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from schemas.errors import AccountRefused, NumberBusy, RetryableError, TerminalError, UnknownOutcome

log = structlog.get_logger()

# One number's trouble is not the vendor's; so many failures in a row, with no number's success between, are.
_FAILURES = 5
# Twilio's and ElevenLabs' outages last minutes. Neither notices a probe this often, and
# the backlog starts soon.
_PROBE_EVERY_SECONDS = 1.0
# A probe that hangs, or is never heard of again (what it was to send was withdrawn), must not
# be the last one.
_PROBE_LOST_SECONDS = 2.0
# What health judges by: old outcomes must leave it soon after an outage ends, and a burst must not grow it.
_RECENT_SECONDS = 10.0
MOST_OUTCOMES = 200


class CircuitBreaker:
    """A breaker: `async with breaker.call(): ...` around each call to the vendor. Open while it is away.

    `slow_after_seconds`: a call unanswered by then already counts as failed, so that a vendor that lets calls
    time out is not sent a whole time-out's worth of them; None: calls may take long.
    `clock`: monotonic seconds. `moved_at`: when, by `clock`, the vendor last answered or failed.
    """

    def __init__(
        self,
        vendor: str,
        *,
        probe_every_seconds: float = _PROBE_EVERY_SECONDS,
        probe_lost_seconds: float = _PROBE_LOST_SECONDS,
        slow_after_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.vendor = vendor
        self._probe_every = probe_every_seconds
        self._probe_lost = probe_lost_seconds
        self._slow_after = slow_after_seconds
        self._clock = clock
        self._failures = 0
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=MOST_OUTCOMES)
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._probe: asyncio.TimerHandle | None = None
        self._lost: asyncio.TimerHandle | None = None
        self.is_open = False
        self.moved_at = clock()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Wait while the breaker is open; then learn from the call's outcome."""
        await self.wait()
        with self.watch():
            yield

    async def wait(self, *, first: bool = False) -> bool:
        """Wait while the breaker is open; whoever is let through meanwhile goes on to `watch` or `reading`.

        Args:
            first: go before all others, for a caller that had its turn and could not use it.

        Returns:
            Whether it is still open, and this is the probe.
        """
        return self.is_open and await self._turn(first=first)

    @contextmanager
    def reading(self, *, is_probe: bool, is_all: bool = True) -> Iterator[None]:
        """Learn from a read while the breaker is open.

        A read that fails keeps the breaker open. One that is answered does not close it, because the calls
        that it is about may still fail.

        Args:
            is_all: the read is the whole probe, and the next waiter goes at once; else a call follows.
        """
        if not is_probe:
            yield
            return
        try:
            yield
        except AccountRefused:
            self._probe_later()
            raise
        except (RetryableError, UnknownOutcome):
            self._failed()
            raise
        except BaseException:
            self._probe_later()
            raise
        if is_all and self.is_open:
            self._let_one_probe()

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Learn from a call's outcome."""
        slow = (
            None
            if self._slow_after is None
            else asyncio.get_running_loop().call_later(self._slow_after, self._counts)
        )
        try:
            yield
        except (AccountRefused, NumberBusy, TerminalError):  # the vendor is there, and says no
            self._answered()
            raise
        except (RetryableError, UnknownOutcome):
            self._failed()
            raise
        except BaseException:
            self._probe_later()  # cancelled: nothing was learnt
            raise
        finally:
            if slow is not None:
                slow.cancel()
        self._answered()

    def recent(self) -> dict[str, int]:
        """Return how many of the newest calls within the last 10 s were answered, and how many failed."""
        since = self._clock() - _RECENT_SECONDS
        outcomes = [answered for at, answered in self._outcomes if at > since]
        return {"answered": sum(outcomes), "failed": len(outcomes) - sum(outcomes)}

    def abandon(self) -> None:
        """Cancel every waiter: their partitions go to another worker."""
        while self._waiting:
            self._waiting.popleft().cancel()

    async def _turn(self, *, first: bool) -> bool:
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        (self._waiting.appendleft if first else self._waiting.append)(waiter)
        self._probe_later()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._probe_later()  # this one was meant to probe
            raise

    def _failed(self) -> None:
        self.moved_at = self._clock()
        self._outcomes.append((self.moved_at, False))
        self._counts()

    def _counts(self) -> None:
        self._failures += 1
        if not self.is_open and self._failures >= _FAILURES:
            self.is_open = True
            log.warning("vendor is paused", vendor=self.vendor)
        self._probe_later()

    def _answered(self) -> None:
        self.moved_at = self._clock()
        self._outcomes.append((self.moved_at, True))
        self._failures = 0
        if not self.is_open:
            return
        self.is_open = False
        log.info("vendor answers again", vendor=self.vendor, waiting=len(self._waiting))
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(False)

    def _probe_later(self) -> None:
        if self._lost is not None:
            self._lost.cancel()
            self._lost = None
        if self.is_open and self._waiting and self._probe is None:
            self._probe = asyncio.get_running_loop().call_later(self._probe_every, self._let_one_probe)

    def _let_one_probe(self) -> None:
        for timer in (self._probe, self._lost):
            if timer is not None:
                timer.cancel()
        self._probe = self._lost = None
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(True)
                self._lost = asyncio.get_running_loop().call_later(self._probe_lost, self._probe_later)
                return
