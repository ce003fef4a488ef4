"""The product as its user runs it: real processes on real Kafka and Postgres, judged from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support import http
from tests.support.outside import post_call
from tests.support.up import ROOT, State, call_body, conversation_of, running_up, write

_LOOK_SECONDS = 0.2


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[State]:
    """One worker, one web."""
    with running_up(tmp_path_factory.mktemp("up"), jars) as state:
        yield state


def test_it_ran_on_apache_kafka_where_that_is_demanded(up: State) -> None:
    if os.environ.get("REQUIRE_APACHE_KAFKA"):
        assert (Path(up["folder"]) / "kafka" / "server.properties").exists()


def test_a_call_goes_on_over_whatsapp(up: State) -> None:
    with httpx.Client(base_url=up["web_url"], headers=up["headers"], timeout=15) as client:
        first = client.post("/api/call-completed", json=call_body("conv_main", "+5215512345678"))
        again = client.post("/api/call-completed", json=call_body("conv_main", "+5215512345678"))
        assert first.status_code == 200
        assert first.json() == again.json()
        assert first.json() | {"conversation_id": "", "whatsapp_message_id": ""} == {
            "success": True,
            "message": "Conversación iniciada exitosamente",
            "conversation_id": "",
            "whatsapp_message_id": "",
            "status": "message_sent",
        }
    write(up, "+5215512345678", "Sí, ¿cuánto cuesta?", "SM" + "a" * 32, times=3)
    conversation = conversation_of(up, "525512345678", 3)
    assert conversation["phone_number"] == "+525512345678"
    assert [message["direction"] for message in conversation["messages"]] == [
        "outbound",
        "inbound",
        "outbound",
    ]
    assert "Ana" in conversation["messages"][0]["content"]
    assert "$99" in conversation["messages"][2]["content"]


def test_a_refused_recipient_is_422_with_twilios_words(up: State) -> None:
    http.post(up["twilio_url"] + "/_sim/numbers", json={"number": "+573000000001", "error_code": 21608})
    answer = post_call(up, "conv_refused", "+573000000001")
    assert answer.status_code == 422
    assert answer.json()["error"] == "Failed to send WhatsApp message"
    assert "21608" in answer.json()["details"]


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status"),
    [
        ("POST", "/api/call-completed", b"{", "application/json", 400),
        ("POST", "/api/call-completed", b"[]", "application/json", 400),
        ("POST", "/api/call-completed", b"{}", "text/plain", 415),
        ("POST", "/api/call-completed", b"x" * 300_000, "application/json", 413),
        ("GET", "/api/call-completed", b"", "application/json", 405),
        ("GET", "/api/nothing", b"", "application/json", 404),
        ("GET", "/api/conversations/hola", b"", "application/json", 400),
        ("GET", "/api/conversations/+573999999999", b"", "application/json", 404),
        ("POST", "/webhook/twilio/incoming", b"MessageSid=SM1", "application/x-www-form-urlencoded", 403),
        ("POST", "/webhook/twilio/incoming", b"{}", "application/json", 403),
    ],
)
def test_bad_input_is_a_clear_error(
    up: State, method: str, path: str, body: bytes, content_type: str, status: int
) -> None:
    headers = up["headers"] | {"Content-Type": content_type}
    answer = http.request(method, up["web_url"] + path, content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert answer.json()["error"]


def test_without_the_token_nothing_is_told(up: State) -> None:
    answer = http.get(up["web_url"] + "/api/stats")
    assert (answer.status_code, answer.json()) == (401, {"success": False, "error": "Unauthorized"})


def test_health_and_stats_have_the_contracts_keys(up: State) -> None:
    health = http.get(up["web_url"] + "/health").json()
    assert health["service"] == "whatsapp-microservice"
    assert set(health["dependencies"]) == {"database", "kafka", "twilio", "elevenlabs"}
    stats = http.get(up["web_url"] + "/api/stats", headers=up["headers"]).json()["stats"]
    assert set(stats["queue"]) >= {"waiting", "active", "completed", "failed"}


def test_a_worker_killed_while_clients_chat_loses_and_doubles_nothing(up: State) -> None:
    options = ["--data-dir", up["folder"], "--calls", "20", "--messages", "200", "--json"]
    command = [sys.executable, "-m", "cli", "demo", *options]
    demo = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    _until_answers(up, 20)
    os.kill(up["pids"]["worker-1"], signal.SIGKILL)
    output, _ = demo.communicate(timeout=300)
    verdict = json.loads(output)
    assert {name: verdict[name] for name in ("lost", "doubled", "out_of_order", "overlapping")} == {
        "lost": 0,
        "doubled": 0,
        "out_of_order": 0,
        "overlapping": 0,
    }, verdict["problems"]
    assert verdict["received"] == 200


def _until_answers(up: State, most: int) -> None:
    """Wait until clients chat, so that the kill meets work in flight."""
    end = time.monotonic() + 60
    while True:
        rows = http.get(up["twilio_url"] + "/_sim/ledger").json()
        if sum(row["direction"] != "inbound" for row in rows) > most:
            return
        assert time.monotonic() < end
        time.sleep(_LOOK_SECONDS)


def test_it_listens_on_this_machine_alone(up: State) -> None:
    """`/proc/net/tcp` has addresses and ports in hexadecimal; state 0A listens."""
    ports = {urlsplit(up[name]).port for name in ("web_url", "stats_url")} | set(up["worker_ports"])
    heard = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        address, port = local.split(":")
        if state == "0A" and int(port, 16) in ports:
            heard[int(port, 16)] = address
    assert heard == dict.fromkeys(ports, "0100007F")
