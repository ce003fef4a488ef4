"""Clients who write at random moments (Poisson), once they are answered (closed loop), or all at once."""

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

from tests.bench.lean_http import Client
from tests.bench.ledger import Ledger, Message
from tests.bench.signing import Signer
from tests.chaos.clients import PATH, SENDER

# How long Twilio waits before it repeats a webhook that was refused.
_RETRY_SECONDS = 0.5
_LOOK_SECONDS = 0.05


class Clients:
    """Writes one message at a time per number, so that no answer's time includes waiting for an earlier one.

    Attributes:
        webhook_seconds: How long each webhook took to be answered.
        late_seconds: How late after its due time each message was written: the driver's own delay.
    """

    def __init__(self, ledger: Ledger, signer: Signer, web: Client, account: str) -> None:
        self._ledger, self._signer, self._web, self._account = ledger, signer, web, account
        self._idle: deque[str] = deque()
        self._again = False
        self._counter = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.webhook_seconds: list[float] = []
        self.late_seconds: list[float] = []
        self.refusals = 0
        self.starved = 0

    def use(self, numbers: list[str]) -> None:
        """Have these numbers write from now on, and no others."""
        self._idle = deque(numbers)

    def answered(self, messages: list[Message]) -> None:
        """Note that Twilio has accepted the answer to these messages."""
        for message in messages:
            if self._again:
                self._spawn(self._write(message.number))
            else:
                self._idle.append(message.number)

    async def poisson(self, per_second: float, seconds: float) -> None:
        """Write at random moments, whether or not earlier messages have been answered."""
        begun = due = time.monotonic()
        while (due := due + random.expovariate(per_second)) < begun + seconds:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.late_seconds.append(time.monotonic() - due)
            if self._idle:
                self._spawn(self._write(self._idle.popleft()))
            else:
                self.starved += 1

    async def closed_loop(self, clients: int, seconds: float) -> None:
        """Run this many clients, each of whom writes again as soon as the answer arrives."""
        self._again = True
        for _ in range(clients):
            self._spawn(self._write(self._idle.popleft()))
        await asyncio.sleep(seconds)
        self._again = False

    def burst(self, size: int) -> None:
        """Have this many clients write at the same moment."""
        for _ in range(size):
            self._spawn(self._write(self._idle.popleft()))

    def message(self, number: str) -> Message:
        """Create a client's next message without sending it."""
        self._counter += 1
        message = Message(number, f"m{self._counter:07d}", f"SM{secrets.token_hex(16)}", time.monotonic())
        self._ledger.wrote(message)
        return message

    def params(self, message: Message) -> dict[str, str]:
        """Return Twilio's parameters for a message."""
        return {
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsMessageSid": message.sid,
            "AccountSid": self._account,
            "From": f"whatsapp:{message.number}",
            "To": SENDER,
            "Body": message.text,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsStatus": "received",
            "ApiVersion": "2010-04-01",
            "ProfileName": "Cliente",
            "WaId": message.number[1:],
        }

    async def _write(self, number: str) -> None:
        message = self.message(number)
        body, headers = self._signer.post(PATH, self.params(message))
        while (status := await self._post(body, headers)) != 200:
            self.refusals += 1
            message.refusals.append(str(status))
            await asyncio.sleep(_RETRY_SECONDS)
        message.acked = time.monotonic()

    async def _post(self, body: bytes, headers: bytes) -> int:
        begun = time.monotonic()
        try:
            status = await self._web.post(PATH, body, headers)
        except OSError:
            return 0
        self.webhook_seconds.append(time.monotonic() - begun)
        return status

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self, seconds: float) -> None:
        """Wait until everything is acknowledged and answered.

        Raises:
            TimeoutError: something is not.
        """
        async with asyncio.timeout(seconds):
            while self._tasks or self._ledger.unanswered:
                await asyncio.sleep(_LOOK_SECONDS)
