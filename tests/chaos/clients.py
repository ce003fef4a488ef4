"""Clients who write over WhatsApp: webhooks signed as by Twilio, in bursts, retried until acknowledged."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from twilio.request_validator import RequestValidator

from tests.chaos.vendors import Vendors

PATH = "/webhook/twilio/incoming"
NOBODY_LISTENS = "ClientConnectorError"
"""A refusal of the machine, not of web: a load balancer would have chosen another."""
SENDER = "whatsapp:+14155238886"
# Twilio's own limit for a webhook.
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_CONNECTIONS = 300
# With retries configured (`#rc=…&rp=all`), Twilio tries again within seconds; ours go on until answered.
_RETRY_SECONDS = 0.5
_LONGEST_TRY_SECONDS = 180.0
_BURST_PAUSE_SECONDS = 0.02
_BURST_SHARE = 0.2
_LONGEST_BEHIND_SECONDS = 0.5


@dataclass(slots=True)
class Written:
    """A client's message. Times are epoch seconds."""

    number: str
    text: str
    sid: str
    begun: float
    #: None until a web has answered 200.
    acked: float | None = None
    #: What the webhook shows of its sender besides the number, or instead of it.
    shown: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)


class Clients:
    """All clients who write, and the webhooks that carry their messages.

    Attributes:
        numbers: Who writes.
        user_ids: The ids of clients who have one besides their number.
        withheld: Clients whose number is no longer shown.

    `webs` returns the base URLs that a load balancer would choose from.
    """

    def __init__(
        self, token: str, public_url: str, webs: Callable[[], list[str]], numbers: list[str]
    ) -> None:
        self.numbers = numbers
        self.written: list[Written] = []
        self.copies = 1
        self.late_seconds = 0.0
        self.burst_share = _BURST_SHARE
        self.user_ids: dict[str, str] = {}
        self.withheld: set[str] = set()
        self._signature = RequestValidator(token)
        self._url = public_url + PATH
        self._webs = webs
        self._counts = dict.fromkeys(numbers, 0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def write(self, turns_per_second: float, until: asyncio.Event) -> None:
        """Have clients begin turns at random moments until told to stop, without waiting for answers."""
        due = time.monotonic()
        while not until.is_set():
            # Skip what a busy machine could not write in time: a flood afterwards would be a different load.
            due = max(due, time.monotonic() - _LONGEST_BEHIND_SECONDS) + random.expovariate(turns_per_second)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            size = random.randint(3, 5) if random.random() < self.burst_share else 1
            self.turn(random.choice(self.numbers), size)

    def turn(self, number: str, size: int) -> None:
        """Have a client write some messages 20 ms apart, without waiting for them."""
        self._spawn(self._turn(number, size))

    async def _turn(self, number: str, size: int) -> None:
        for place in range(size):
            if place:
                await asyncio.sleep(_BURST_PAUSE_SECONDS)
            self._spawn(self._deliver(self._new(number)))

    async def write_past_web(self, vendors: Vendors) -> None:
        """Have a client write while nobody listens: Twilio lists the message, but its webhook never comes."""
        message = self._new(random.choice(self.numbers))
        await vendors.twilio(
            "inbound", **{"from": message.number, "body": message.text, "sid": message.sid, "times": 0}
        )
        message.acked = time.time()

    def wrote_elsewhere(self, number: str) -> Written:
        """Note a message whose event reaches its topic without us."""
        message = self._new(number)
        message.acked = message.begun
        return message

    def write_elsewhere(self, count: int) -> list[Written]:
        """Have some clients write messages that somebody else publishes; see `acknowledge`."""
        return [self._new(number) for number in random.sample(self.numbers, count)]

    def acknowledge(self, messages: list[Written]) -> None:
        """Note that messages have reached their topic."""
        for message in messages:
            message.acked = time.time()

    def _new(self, number: str) -> Written:
        self._counts[number] += 1
        text = f"m{number.lstrip('+')}x{self._counts[number]:04d}"
        message = Written(number, text, "SM" + secrets.token_hex(16), time.time(), shown=self._shown(number))
        self.written.append(message)
        return message

    def _shown(self, number: str) -> dict[str, str]:
        if (user := self.user_ids.get(number)) is None:
            return {}
        hidden = {"From": f"whatsapp:{user}", "WaId": ""} if number in self.withheld else {}
        return {"ExternalUserId": f"whatsapp:{user}"} | hidden

    async def _deliver(self, message: Written) -> None:
        copies = [self._until_acknowledged(message) for _ in range(self.copies)]
        await asyncio.gather(*copies)
        if self.late_seconds:
            await asyncio.sleep(random.uniform(0, self.late_seconds))
            await self._until_acknowledged(message)

    async def _until_acknowledged(self, message: Written) -> None:
        give_up = time.monotonic() + _LONGEST_TRY_SECONDS
        while time.monotonic() < give_up:
            refusal = await self._post(random.choice(self._webs()), message)
            if refusal is None:
                message.acked = message.acked or time.time()
                return
            message.refusals.append(refusal)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _post(self, base: str, message: Written) -> str | None:
        """Return why the message was refused, or None if it was accepted."""
        params = _parameters(message)
        headers = {"X-Twilio-Signature": self._signature.compute_signature(self._url, params)}
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=_TIMEOUT, connector=aiohttp.TCPConnector(limit=_CONNECTIONS)
            )
        try:
            async with self._session.post(base + PATH, data=params, headers=headers) as response:
                await response.read()
                return None if response.status == 200 else str(response.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until every message is acknowledged or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._session is not None:
            await self._session.close()


def _parameters(message: Written) -> dict[str, str]:
    return {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "SmsStatus": "received",
        "From": f"whatsapp:{message.number}",
        "To": SENDER,
        "Body": message.text,
        "NumMedia": "0",
        "NumSegments": "1",
        "ApiVersion": "2010-04-01",
        "ProfileName": "Cliente",
        "WaId": message.number.lstrip("+"),
    } | message.shown
