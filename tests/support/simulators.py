"""The simulated vendors as processes of their own, and how tests steer and read them."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support import http

ACCOUNT, SENDER, CLIENT = "AC" + "1" * 32, "whatsapp:+14155238886", "whatsapp:+573138539155"
NUMBER = CLIENT.removeprefix("whatsapp:")
TOKEN, KEY = secrets.token_hex(16), secrets.token_hex(16)
NOBODY = "http://127.0.0.1:9/webhook/twilio/incoming"
"""The discard port, where nobody answers."""
Row = dict[str, Any]
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Simulator:
    """One running simulator."""

    url: str

    def steer(self, what: str, wanted: Row) -> Any:  # noqa: ANN401 - a simulator's JSON
        """Post to `/_sim/{what}`."""
        answer = http.post(f"{self.url}/_sim/{what}", json=wanted, timeout=30)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    def fault(self, name: str, **options: object) -> None:
        """Arm one fault, once unless said otherwise."""
        self.steer("faults", {name: {"count": 1} | options})

    def read(self, what: str = "ledger", **query: str) -> list[Row]:
        """Get `/_sim/{what}`."""
        rows: list[Row] = http.get(f"{self.url}/_sim/{what}", params=query, timeout=30).json()
        return rows


@contextmanager
def twilio_simulator(webhook_url: str = NOBODY) -> Iterator[Simulator]:
    env = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_WHATSAPP_FROM": SENDER}
    with _running(["local.vendors.twilio", webhook_url], env) as simulator:
        yield simulator


@contextmanager
def elevenlabs_simulator() -> Iterator[Simulator]:
    with _running(["local.vendors.elevenlabs"], {"ELEVENLABS_API_KEY": KEY}) as simulator:
        yield simulator


@contextmanager
def _running(arguments: list[str], env: Mapping[str, str]) -> Iterator[Simulator]:
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            yield Simulator(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()
            assert process.wait(_STOP_SECONDS) == 0
