"""Waits for silence before a burst is answered. Only its own number waits: each has a mailbox of its own."""

import asyncio

from schemas.documents import now
from schemas.errors import Fenced
from schemas.events import InboundMessage
from schemas.settings import Settings
from streams.conversation.burst import wait_seconds
from streams.conversation.keywords import Keywords
from streams.engine.work import Batch


class Bursts:
    """`await bursts.settle(batch)` returns when nothing more of the burst is to be waited for."""

    def __init__(self, settings: Settings) -> None:
        self._quiet = settings.reply_quiet_seconds
        self._most = settings.reply_quiet_max_seconds
        self._keywords = Keywords.of(settings)
        self._waiting: set[asyncio.Future[None]] = set()

    async def settle(self, batch: Batch) -> None:
        """Wait until the client has paused. A command (STOP, …) is not kept waiting.

        Raises:
            Fenced: the worker gives its partitions up; nothing has begun.
        """
        while self._quiet:
            messages = [item.value for item in batch.standing() if isinstance(item.value, InboundMessage)]
            if not messages or any(self._keywords.intent(message.params) for message in messages):
                return
            came = [message.received_at for message in messages]
            seconds = wait_seconds(came[0], max(came), now(), quiet=self._quiet, most=self._most)
            if not seconds:
                return
            await self._wait(seconds)

    def abandon(self) -> None:
        """Send all who wait home: their partitions go to another worker."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(Fenced("drained while a burst was waited for"))

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.add(waiter)
        timer = loop.call_later(seconds, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiting.discard(waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
