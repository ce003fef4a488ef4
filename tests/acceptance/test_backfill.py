"""What clients wrote while nobody listened is fetched from Twilio's list and answered once, in order."""

import os
import signal
import time
from functools import partial

import httpx

from tests.acceptance.conftest import Command
from tests.support import http
from tests.support.outside import post_call
from tests.support.up import State, conversation_of, eventually_sync, marks_of, write

_CLIENTS = ["+573138531001", "+573138531002"]
_LATE = "+573138531003"
_WAIT_SECONDS = 30


def _begin(up: State, *numbers: str) -> None:
    for number in numbers:
        answer = post_call(up, f"conv_{number}", number)
        assert answer.json()["status"] == "message_sent"


def _unheard(up: State, number: str, text: str, **extra: str) -> str:
    """A client writes, and Twilio's webhook comes to nothing; return the message's sid."""
    message = {"from": number, "body": text, "extra": extra}
    answer = http.post(up["twilio_url"] + "/_sim/inbound", json=message, timeout=20).json()
    assert answer["status"] != httpx.codes.OK
    return str(answer["sid"])


def _status(up: State, path: str) -> int | None:
    """Return what web answers; None where nobody listens."""
    try:
        return http.get(up["web_url"] + path, timeout=1).status_code
    except httpx.TransportError:
        return None


def _texts(up: State, number: str, messages: int, direction: str) -> list[str]:
    chat = conversation_of(up, number, messages)
    return [message["content"] for message in chat["messages"] if message["direction"] == direction]


def test_what_was_written_while_web_was_down_is_answered_once_and_before_newer_messages(
    operated: State, command: Command
) -> None:
    http.post(operated["elevenlabs_url"] + "/_sim/settings", json={"manner": "echo"})
    _begin(operated, *_CLIENTS, _LATE)
    os.kill(operated["pids"]["web"], signal.SIGKILL)  # started again by `up` a second later
    eventually_sync(lambda: _status(operated, "/live") is None, _WAIT_SECONDS)
    for number in _CLIENTS:
        for text in ("uno", "dos"):
            _unheard(operated, number, text)
    eventually_sync(lambda: _status(operated, "/ready") == httpx.codes.OK, _WAIT_SECONDS)
    for number in _CLIENTS:
        write(operated, number, "tres", f"SM{number[1:]:0>32}")
    for number in _CLIENTS:
        eventually_sync(partial(_three_answered, operated, number), _WAIT_SECONDS)
        assert _answered(operated, number) == ["uno", "dos", "tres"]
        assert _texts(operated, number, 5, "inbound") == ["uno", "dos", "tres"]
    assert command("backfill", "--since", "1h")["messages"] == []


def _answered(operated: State, number: str) -> list[str]:
    """Return what the answers after the first message repeat, in their order."""
    sent = [
        row["body"]
        for row in http.get(operated["twilio_url"] + "/_sim/ledger").json()
        if row["direction"] != "inbound" and row["to"].endswith(number)
    ]
    return [line.removeprefix("Eco: ") for body in sent[1:] for line in body.split("\n")]


def _three_answered(operated: State, number: str) -> bool:
    return len(_answered(operated, number)) >= 3


def test_on_demand_too_and_a_late_find_is_marked(operated: State, command: Command) -> None:
    sid = _unheard(operated, _LATE, "primero", AccountSid="another")
    second = int(time.time())  # Twilio's times have whole seconds: the next message comes in a later one
    eventually_sync(lambda: int(time.time()) > second)
    write(operated, _LATE, "segundo", "SM" + "d" * 32)
    assert len(_texts(operated, _LATE, 3, "inbound")) == 1
    planned = command("backfill", "--since", "10m", "--dry-run")
    assert ([each["sid"] for each in planned["messages"]], planned["published"]) == ([sid], False)
    assert [each["sid"] for each in command("backfill", "--since", "10m")["messages"]] == [sid]
    assert _texts(operated, _LATE, 5, "inbound") == ["primero", "segundo"]  # shown by time
    marks = marks_of(operated, sid)
    assert {name: marks[name] for name in ("backfilled", "late")} == {"backfilled": True, "late": True}
    assert command("backfill", "--since", "10m")["messages"] == []


def test_bad_times_are_one_clear_line(command: Command) -> None:
    for words in (["--since", "soon"], ["--since", "2999-01-01"], ["--since", "1h", "--until", "2h"]):
        error = command("backfill", *words, code=2)["error"]
        assert error.startswith("--since: ")
        assert len(error.splitlines()) == 1
