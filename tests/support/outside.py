"""A running `up` from outside: steering its Twilio, posting calls, reading what was sent."""

import subprocess
import sys
from typing import Any

import httpx

from tests.support import http
from tests.support.up import ROOT, State, call_body


def cli(up: State, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program beside the running `up`."""
    command = [sys.executable, "-m", "cli", *arguments, "--data-dir", up["folder"]]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def steer(up: State, what: str, **wanted: Any) -> None:  # noqa: ANN401
    assert http.post(f"{up['twilio_url']}/_sim/{what}", json=wanted).status_code == httpx.codes.OK


def post_call(up: State, conversation: str, number: str, **recipient: object) -> httpx.Response:
    return post_body(up, call_body(conversation, number, **recipient))


def post_body(up: State, body: State) -> httpx.Response:
    """Post, as the backend, that a call has ended."""
    return http.post(up["web_url"] + "/api/call-completed", json=body, headers=up["headers"], timeout=15)


def sent_to(up: State, number: str) -> list[State]:
    rows = http.get(up["twilio_url"] + "/_sim/ledger").json()
    return [row for row in rows if row["to"] == f"whatsapp:{number}" and row["direction"] == "outbound-api"]
