"""What the simulated Twilio posts: inbound messages and delivery reports, signed as Twilio signs."""

import asyncio
import secrets
from typing import Any

import aiohttp
from twilio.request_validator import RequestValidator

from local.latency import Latency
from local.vendors.twilio.messages import API_VERSION, Message

# Twilio's own: 15 s for everything; by default one retry, and only after a failed connection.
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_CONNECT_TRIES = 2
_SEEN_STATUSES = ("sent", "delivered", "read")


class Webhooks:
    """Posts to the service. `public_url`: what signatures are made over, when it differs from the target."""

    def __init__(self, account: str, token: str, target: str) -> None:
        self.account = account
        self.target = target
        self.callback_pause = Latency(20, 10)
        self._validator = RequestValidator(token)
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def inbound(self, message: Message, extra: dict[str, str]) -> int:
        """Deliver a client's message; gives the service's HTTP status, 0 when there was no connection."""
        number = message.from_.removeprefix("whatsapp:")
        params = {
            "MessageSid": message.sid, "SmsSid": message.sid, "SmsMessageSid": message.sid, "AccountSid": self.account,
            "From": message.from_, "To": message.to, "Body": message.body, "NumMedia": "0", "NumSegments": "1",
            "SmsStatus": "received", "ApiVersion": API_VERSION, "ProfileName": "Cliente", "WaId": number.lstrip("+"),
        }  # fmt: skip
        return await self._post(self.target, params | extra)

    def report(self, message: Message, url: str) -> None:
        """Report sent, delivered and read, a little later each."""
        task = asyncio.create_task(self._report(message, url), name="status callbacks")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _report(self, message: Message, url: str) -> None:
        for status in _SEEN_STATUSES:
            await self.callback_pause.wait()
            message.status = status
            params = {
                "MessageSid": message.sid, "SmsSid": message.sid, "MessageStatus": status, "SmsStatus": status,
                "AccountSid": self.account, "From": message.from_, "To": message.to, "ApiVersion": API_VERSION,
                "ChannelPrefix": "whatsapp",
            }  # fmt: skip
            await self._post(url, params)

    async def _post(self, url: str, params: dict[str, str]) -> int:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        headers = {
            "X-Twilio-Signature": self._validator.compute_signature(url, params),
            "I-Twilio-Idempotency-Token": secrets.token_hex(16),
        }
        for _ in range(_CONNECT_TRIES):
            try:
                async with self._session.post(url, data=params, headers=headers) as response:
                    await response.read()
                    return response.status
            except aiohttp.ClientConnectorError:
                continue
            except (aiohttp.ClientError, TimeoutError):
                return 0
        return 0

    async def close(self, _: Any = None) -> None:  # noqa: ANN401 - aiohttp's signal
        for task in self._tasks:
            task.cancel()
        if self._session is not None:
            await self._session.close()
