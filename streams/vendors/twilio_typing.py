"""Twilio's typing indicator, which marks the client's message as read as well: best effort, nothing depends on it.

`POST https://messaging.twilio.com/v2/Indicators/Typing.json`, form `channel=whatsapp`, `messageId` of the inbound message;
it is shown for 25 s at most, or until a message of ours.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import structlog

from schemas.settings import Settings
from streams.vendors.http import BROKE_OFF

log = structlog.get_logger()

# A quick answer needs no indicator: it would be there first, and each one costs a request.
_AFTER_SECONDS = 0.5
# Clients whose agent thinks for so long at once; beyond it there is other trouble than missing indicators.
_MOST_AT_ONCE = 100
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_PATH = "/v2/Indicators/Typing.json"


class TwilioTyping:
    """`with typing.shown(sid): …` shows that an answer is being made, where that takes longer than a moment."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        account = settings.twilio_account_sid or ""
        self._url = messaging_host(settings.twilio_api_base_url) + _PATH
        self._headers = {"Authorization": aiohttp.encode_basic_auth(account, settings.twilio_auth_token or "")}
        self._is_on = settings.typing_indicator
        self._session = session
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def shown(self, message_sid: str) -> Iterator[None]:
        """Show it while the body runs; never waits and never raises."""
        if not self._is_on or not message_sid:
            yield
            return
        timer = asyncio.get_running_loop().call_later(_AFTER_SECONDS, self._begin, message_sid)
        try:
            yield
        finally:
            timer.cancel()

    def _begin(self, message_sid: str) -> None:
        if len(self._tasks) >= _MOST_AT_ONCE or self._session.closed:
            return
        task = asyncio.create_task(self._show(message_sid), name="typing indicator")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _show(self, message_sid: str) -> None:
        form = {"channel": "whatsapp", "messageId": message_sid}
        try:
            async with self._session.post(
                self._url, data=form, headers=self._headers, timeout=_TIMEOUT, allow_redirects=False
            ) as response:
                if response.status >= 300:
                    log.debug("typing indicator was refused", status=response.status)
        except BROKE_OFF as error:
            log.debug("typing indicator did not get through", why=type(error).__name__)


def messaging_host(api_base_url: str) -> str:
    """Give the base URL of Twilio's messaging product: `api.` becomes `messaging.`; a simulator has all on one host."""
    return product_host(api_base_url, "messaging")


def product_host(api_base_url: str, product: str) -> str:
    """Give the base URL of one of Twilio's products, in the edge and region of the API's."""
    parts = urlsplit(api_base_url.rstrip("/"))
    host = parts.netloc
    if host.startswith("api.") and (parts.hostname or "").endswith(".twilio.com"):
        host = product + host.removeprefix("api")
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
