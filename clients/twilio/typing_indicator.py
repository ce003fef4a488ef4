"""Twilio's typing indicator, which also marks the client's message as read.

Best effort: nothing depends on it.

`POST https://messaging.twilio.com/v2/Indicators/Typing.json`, form `channel=whatsapp`, `messageId` of the
inbound message. It is shown for at most 25 s, or until we send a message.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import structlog

from clients.http import BROKE_OFF
from clients.twilio.api import TwilioApi

log = structlog.get_logger()

# A quick answer needs no indicator: the answer would be there first, and each indicator costs a request.
_AFTER_SECONDS = 0.5
# Clients whose agents think so long at once; beyond that, there is other trouble than missing indicators.
_MOST_AT_ONCE = 100
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_PATH = "/v2/Indicators/Typing.json"


class TypingIndicator:
    """An indicator: `with indicator.shown(sid): …` shows that an answer is on its way if it takes a while."""

    def __init__(self, api: TwilioApi, *, is_on: bool, after_seconds: float = _AFTER_SECONDS) -> None:
        self._api = api
        self._url = api.product("messaging") + _PATH
        self._is_on = is_on
        self._after = after_seconds
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def shown(self, message_sid: str) -> Iterator[None]:
        """Show the indicator while the body runs; never waits and never raises."""
        if not self._is_on or not message_sid:
            yield
            return
        timer = asyncio.get_running_loop().call_later(self._after, self._begin, message_sid)
        try:
            yield
        finally:
            timer.cancel()

    def _begin(self, message_sid: str) -> None:
        if len(self._tasks) >= _MOST_AT_ONCE or self._api.session.closed:
            return
        task = asyncio.create_task(self._show(message_sid), name="typing indicator")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _show(self, message_sid: str) -> None:
        form = {"channel": "whatsapp", "messageId": message_sid}
        try:
            answer = await self._api.post(self._url, form, _TIMEOUT)
        except BROKE_OFF as error:
            log.debug("typing indicator did not get through", why=type(error).__name__)
            return
        if answer.status >= 300:
            log.debug("typing indicator was refused", status=answer.status)
