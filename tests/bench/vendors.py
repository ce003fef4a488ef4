"""Lean stand-ins for both vendors, for the bench only: the routes of a turn, latency, a ledger, no faults.

The faithful simulators are those of `local/vendors`; these answer the same requests for a tenth of the CPU.
"""

import asyncio
import json
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.bench.lean_http import Client, Request
from tests.bench.ledger import Ledger, Message
from tests.bench.signing import Signer
from tests.chaos.vendors import Asked
from tests.chaos.verdict import ECHO

STATUSES = ("sent", "delivered", "read")
"""The statuses that Twilio reports once each for every WhatsApp message."""

_CONVERSATION = "/v1/convai/conversations/conv_"
# A little apart, as in the faithful simulator.
_CALLBACK_PAUSE = (0.01, 0.03)
_SUMMARY = {
    "status": "done",
    "transcript": [{"role": "user", "message": "Me interesa.", "time_in_call_secs": 9}],
    "metadata": {"call_duration_secs": 74},
    "analysis": {"transcript_summary": "El cliente mostró interés"},
    "conversation_initiation_client_data": {"dynamic_variables": {}},
}


_ANYTHING_ELSE = {"status": "active", "success": True, "messages": [], "next_page_uri": None}
"""Fits the account's state, a typing indicator and an empty list."""


@dataclass(slots=True)
class Latency:
    """Seconds: the mean, and the largest difference from it."""

    mean: float
    spread: float

    def draw(self) -> float:
        return max(0.0, random.uniform(self.mean - self.spread, self.mean + self.spread))


AGENT, TWILIO = Latency(0.3, 0.1), Latency(0.08, 0.03)
"""The latencies under which the service is measured."""


class ElevenLabs:
    """The specified REST message and a finished call's details."""

    def __init__(self, ledger: Ledger) -> None:
        self.latency = Latency(AGENT.mean, AGENT.spread)
        self._ledger = ledger
        self._running: Counter[str] = Counter()

    def handle(self, request: Request) -> None:
        if not request.path.startswith(_CONVERSATION):  # the health check looks whether anybody is there
            request.answer(200, b"{}")
            return
        number = "+" + request.path.removeprefix(_CONVERSATION).partition("/")[0]
        after = (
            self.asked(number, json.loads(request.body)["message"])
            if request.body
            else self._described(number)
        )
        begun = time.monotonic()
        asyncio.get_running_loop().call_later(
            self.latency.draw(), lambda: request.answer(200, after(time.monotonic() - begun))
        )

    def _described(self, number: str) -> Callable[[float], bytes]:
        def after(seconds: float) -> bytes:
            self._ledger.call_seconds[number] = self._ledger.call_seconds.get(number, 0.0) + seconds
            return json.dumps(
                _SUMMARY | {"conversation_id": f"conv_{number[1:]}", "agent_id": "agent_bench"}
            ).encode()

        return after

    def asked(self, number: str, text: str) -> Callable[[float], bytes]:
        """Note a question; return a function that makes its answer, once the seconds it took are known."""
        self._running[number] += 1
        self._ledger.asking += 1
        self._ledger.asked.append(Asked(number, text, self._running[number], time.time()))

        def after(seconds: float) -> bytes:
            self._running[number] -= 1
            self._ledger.asking -= 1
            self._ledger.spent(text, seconds)
            return json.dumps({"response": ECHO + text}).encode()

        return after


class Twilio:
    """Creates messages and reports what became of them.

    `answered` is called with the client's messages that were answered.
    """

    def __init__(self, ledger: Ledger, signer: Signer, web: Client, account: str) -> None:
        self.latency = Latency(TWILIO.mean, TWILIO.spread)
        self.statuses: tuple[str, ...] = STATUSES
        self.answered: Callable[[list[Message]], None] = lambda messages: None
        self.refused_reports = 0
        self._ledger, self._signer, self._web, self._account = ledger, signer, web, account
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, request: Request) -> None:
        # The account's state, or a typing indicator.
        if not request.path.endswith("/Messages.json") or not request.body:
            request.answer(200, json.dumps(_ANYTHING_ELSE | {"sid": self._account}).encode())
            return
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        asyncio.get_running_loop().call_later(
            self.latency.draw(), self._accept, request, form, time.monotonic()
        )

    def _accept(self, request: Request, form: dict[str, str], begun: float) -> None:
        sid = "SM" + secrets.token_hex(16)
        number = form["To"].removeprefix("whatsapp:")
        messages = self._ledger.accepted(number, form["Body"], sid, time.monotonic() - begun)
        body = {
            "sid": sid,
            "account_sid": self._account,
            "status": "queued",
            "body": form["Body"],
            "to": form["To"],
            "from": form["From"],
            "direction": "outbound-api",
            "error_code": None,
            "num_segments": "1",
        }
        request.answer(201, json.dumps(body).encode())
        self._spawn(self._report(sid, form))
        self.answered(messages)

    async def _report(self, sid: str, form: dict[str, str]) -> None:
        callback = form.get("StatusCallback", "")
        target = "/" + unquote(callback.split("/", 3)[3])
        for status in self.statuses:
            await asyncio.sleep(random.uniform(*_CALLBACK_PAUSE))
            params = {
                "MessageSid": sid,
                "SmsSid": sid,
                "MessageStatus": status,
                "SmsStatus": status,
                "AccountSid": self._account,
                "From": form["From"],
                "To": form["To"],
                "ApiVersion": "2010-04-01",
                "ChannelPrefix": "whatsapp",
            }
            try:
                code = await self._web.post(target, *self._signer.post(target, params))
            except OSError:
                code = 0
            self.refused_reports += code != 200

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until every report has been delivered."""
        while self._tasks:
            await asyncio.gather(*self._tasks)
