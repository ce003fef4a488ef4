"""What the processes log while people chat: only JSON, one id from a webhook to the send, no secrets."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import http
from tests.support.up import State, call_body, conversation_of, eventually_sync, write

PROCESSES = ("web", "worker-1", "stats-worker")
_NUMBER, _CALL = "+573138538001", "conv_logs"
_WORDS = "¿Me cuenta algo del ornitorrinco azul?"
_CALL_REQUEST = "logs-of-a-call"


@pytest.fixture(scope="module")
def chatted(operated: State) -> State:
    """A call, a message, a refused webhook and bad input are behind us; `sid` is the message's."""
    http.post(operated["elevenlabs_url"] + "/_sim/settings", json={"manner": "echo"})
    with httpx.Client(base_url=operated["web_url"], headers=operated["headers"], timeout=15) as client:
        answer = client.post(
            "/api/call-completed", json=call_body(_CALL, _NUMBER), headers={"X-Request-Id": _CALL_REQUEST}
        )
        assert answer.json()["status"] == "message_sent"
        client.post(
            "/api/call-completed", content=_WORDS.encode(), headers={"Content-Type": "application/json"}
        )
        client.post("/webhook/twilio/incoming", data={"From": f"whatsapp:{_NUMBER}", "Body": _WORDS})
    sid = f"SM{uuid.uuid4().hex}"
    write(operated, _NUMBER, _WORDS, sid)
    chat = conversation_of(operated, _NUMBER, 3)
    assert "ornitorrinco" in chat["messages"][2]["content"]
    return operated | {"sid": sid}


def _text(up: State, process: str) -> str:
    return (Path(up["folder"]) / f"{process}.log").read_text()


def _lines(up: State, process: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _text(up, process).splitlines()]


@pytest.mark.parametrize("process", PROCESSES)
def test_every_line_is_a_json_object_that_says_what_and_when(chatted: State, process: str) -> None:
    lines = _lines(chatted, process)
    assert lines
    assert [line for line in lines if not {"event", "level", "timestamp"} <= set(line)] == []


@pytest.mark.parametrize("process", PROCESSES)
def test_no_secret_no_number_no_words(chatted: State, process: str) -> None:
    text = _text(chatted, process)
    secrets = {name: value for name, value in _secrets(chatted).items() if value in text}
    assert set(secrets) == set()
    assert "ornitorrinco" not in text
    assert re.findall(r"(?<!\d)57313853\d{4}(?!\d)", text) == []
    assert "Ana García" not in text


def _secrets(up: State) -> dict[str, str]:
    """Return what every process of `up` was given as secrets: of the one that no test kills."""
    environ = Path(f"/proc/{up['pids']['stats-worker']}/environ").read_bytes().decode().split("\0")
    variables = dict(line.partition("=")[::2] for line in environ if "=" in line)
    names = (
        "MICROSERVICE_TOKEN",
        "TWILIO_AUTH_TOKEN",
        "ELEVENLABS_API_KEY",
        "DATABASE_URL",
        "OPERATOR_TOKENS",
    )
    found = {name: variables[name] for name in names if variables.get(name)}
    assert {"MICROSERVICE_TOKEN", "TWILIO_AUTH_TOKEN", "ELEVENLABS_API_KEY"} <= set(found)
    return found


def test_the_callers_id_follows_a_call_to_its_message(chatted: State) -> None:
    [stored] = [
        line
        for line in _lines(chatted, "web")
        if line["event"] == "event is stored" and _is(line, _CALL_REQUEST)
    ]
    [sent] = [
        line
        for line in _lines(chatted, "worker-1")
        if line["event"] == "message is sent" and _is(line, _CALL_REQUEST)
    ]
    assert stored["topic"] == "call-completed"
    assert stored["number"] == sent["number"] != _NUMBER


def _is(line: dict[str, Any], request: str) -> bool:
    return line.get("request_id") == request


def test_one_id_goes_from_a_webhook_to_the_send(chatted: State) -> None:
    stored = [line for line in _lines(chatted, "web") if line.get("topic") == "inbound-message"][-1]

    def answered() -> bool:
        return any(
            line["event"] == "message is sent" and _is(line, stored["request_id"])
            for line in _lines(chatted, "worker-1")
        )

    eventually_sync(answered, 10)
    ids = {line["request_id"] for line in _lines(chatted, "web") if line["event"] == "event is stored"}
    assert {_CALL_REQUEST, stored["request_id"]} <= ids
