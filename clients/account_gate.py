"""Where everybody waits while a vendor refuses our account rather than one number; now and then one tries."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from clients.pause import ACCOUNT, Pause

log = structlog.get_logger()


class AccountGate:
    """A gate: `await gate.wait(who)` before each call that is meant to have an effect.

    `now`: aware. `steady`: monotonic seconds. `moved_at`: when, by `steady`, the vendor was last tried or
    last told us something.
    """

    def __init__(
        self, vendor: str, now: Callable[[], datetime], steady: Callable[[], float] = time.monotonic
    ) -> None:
        self.vendor = vendor
        self._now = now
        self._steady = steady
        self.pause: Pause | None = None
        self.moved_at = self._steady()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, who: str) -> None:
        """Wait while the account is refused; whoever is let through earlier tests whether it still is."""
        while (pause := self.pause) is not None:
            if pause.may_try(now := self._now()):
                self.pause = pause.tried_by(who, now, ACCOUNT)
                self.moved_at = self._steady()
                self._wake_at_its_time()
                return
            await self._turn()

    def refused(self, who: str, code: str, *, by_report: bool) -> None:
        """Note that the vendor refuses our account, key or sender. `by_report`: after taking the message."""
        if self.pause is None:
            self.pause = Pause.begun(code, self._now(), ACCOUNT, by_report=by_report)
            log.error("vendor refuses our account, all wait", vendor=self.vendor, code=code)
        else:
            self.pause = self.pause.refused_again(who, code, self._now(), ACCOUNT, by_report=by_report)
        self._wake_at_its_time()

    def went_through(self, who: str, *, by_report: bool) -> None:
        """Note that the vendor took something, which ends a pause if `who` was trying."""
        if self.pause is None or not self.pause.is_ended_by(who, by_report=by_report):
            return
        log.info("vendor takes our account again", vendor=self.vendor, waiting=len(self._waiting))
        self.pause = None
        while self._wake_one():
            pass

    def abandon(self) -> None:
        """Cancel every waiter: their partitions go to another worker."""
        while self._waiting:
            self._waiting.popleft().cancel()

    def shown(self) -> list[dict[str, Any]]:
        """Return the pause for views, if there is one."""
        return [] if self.pause is None else [shown(self.vendor, "account", self.pause)]

    async def _turn(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._wake_at_its_time()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake_one()  # this one was meant to try
            raise

    def _wake_at_its_time(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.pause is not None and self._waiting:
            seconds = max(0.0, (self.pause.until - self._now()).total_seconds())
            self._timer = asyncio.get_running_loop().call_later(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        self._wake_one()

    def _wake_one(self) -> bool:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return True
        return False


def shown(vendor: str, scope: str, pause: Pause) -> dict[str, Any]:
    """Return a pause as views show it. `scope`: account or first_messages."""
    since, until = (at.isoformat(timespec="seconds") for at in (pause.since, pause.until))
    return {"vendor": vendor, "scope": scope, "code": pause.code, "since": since, "until": until}
