"""The rules of WhatsApp on a running `up`: the simulated Twilio keeps to them, so breaking one shows."""

import asyncio
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from schemas.phone import conversation_key
from streams.vendors import split_message, to_whatsapp
from tests.support.up import ROOT, State, call_body, conversation_of, eventually_sync, has_come_back, running_up, write

TEMPLATE = "HX" + "1" * 32
REOPEN = "HX" + "2" * 32
VARIABLES = {
    "TWILIO_FIRST_MESSAGE_CONTENT_SID": TEMPLATE,
    "TWILIO_FIRST_MESSAGE_CONTENT_VARIABLES": '{"1": "{client_name}", "2": "{summary}"}',
    "TWILIO_REOPEN_CONTENT_SID": REOPEN,
    "TWILIO_REOPEN_CONTENT_VARIABLES": '{"1": "{client_name}", "2": "{text}"}',
    "CALL_STATUS_ACTIONS": '{"cancelled": "none"}',
    "REPLY_QUIET_SECONDS": "1",
    "BACKEND_WEBHOOK_SECRET": "shared",
    "ELEVENLABS_WEBHOOK_SECRET": "wsec",
    "UNKNOWN_NUMBER_AGENT_ID": "agent_for_strangers",
    "UNKNOWN_NUMBER_GRACE_SECONDS": "1",
}


# What comes back waits for 12 s each time, or a held turn for 15 s.
_PAIR_SECONDS = 90.0


class Backend(BaseHTTPRequestHandler):
    """The main backend; keeps what it was told under a good signature. `away`: answers 503."""

    told: ClassVar[list[State]] = []
    away: ClassVar[bool] = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        at, given = (part.split("=")[1] for part in self.headers["X-Service-Signature"].split(","))
        good = not Backend.away and hmac.new(b"shared", f"{at}.".encode() + body, hashlib.sha256).hexdigest() == given
        if good:
            self.told.append(json.loads(body))
        self.send_response(204 if good else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the test's output."""


@pytest.fixture(scope="module")
def backend_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, jars: Path, backend_url: str) -> Iterator[State]:
    with running_up(tmp_path_factory.mktemp("up"), jars, BACKEND_URL=backend_url, **VARIABLES) as state:
        steer(state, "settings", window=True)
        steer(state, "templates", sid=TEMPLATE, body="Hola {{1}}, gracias por la llamada. {{2}}")
        steer(state, "templates", sid=REOPEN, body="Hola {{1}}: {{2}}")
        yield state


def steer(up: State, what: str, **wanted: Any) -> None:  # noqa: ANN401
    assert httpx.post(f"{up['twilio_url']}/_sim/{what}", json=wanted).status_code == httpx.codes.OK


def post_call(up: State, conversation: str, number: str, **recipient: object) -> httpx.Response:
    body = call_body(conversation, number, **recipient)
    return httpx.post(up["web_url"] + "/api/call-completed", json=body, headers=up["headers"], timeout=15)


def sent_to(up: State, number: str) -> list[State]:
    rows = httpx.get(up["twilio_url"] + "/_sim/ledger").json()
    return [row for row in rows if row["to"] == f"whatsapp:{number}" and row["direction"] == "outbound-api"]


def test_after_a_call_the_first_message_is_the_template_and_answers_are_text(up: State) -> None:
    number = "+573138540001"
    assert post_call(up, "conv_window", number).json()["status"] == "message_sent"
    write(up, number, "¿Cuánto cuesta?", "SM" + "1" * 32)
    chat = conversation_of(up, number, 3)
    assert chat["messages"][0]["content"].startswith("Hola Ana, gracias por la llamada.")
    bodies = [row["body"] for row in sent_to(up, number)]
    assert bodies == [chat["messages"][0]["content"], chat["messages"][2]["content"]]
    again = post_call(up, "conv_window_2", number)  # the client wrote just now: the window is open
    assert again.json()["status"] == "message_sent"
    assert sent_to(up, number)[-1]["body"].startswith("¡Hola Ana! Soy Agente.")


def test_what_twilio_finds_outside_the_window_is_sent_once_more_as_a_template(up: State) -> None:
    number = "+573138540002"
    post_call(up, "conv_outside", number)
    write(up, number, "hola", "SM" + "2" * 32)
    conversation_of(up, number, 3)
    steer(up, "window", number=number, hours_ago=25)  # Twilio's view differs from ours
    post_call(up, "conv_outside_2", number)
    eventually_sync(lambda: len(sent_to(up, number)) == 4)
    text, repeated = sent_to(up, number)[-2:]
    assert (text["status"], text["error_code"]) == ("undelivered", 63016)
    assert repeated["body"].startswith("Hola Ana, gracias por la llamada.")


@pytest.mark.parametrize(("when", "number", "other"), [
    ("async", "+573138540021", "+573138540022"), ("sync", "+573138540023", "+573138540024"),
])  # fmt: skip
def test_who_gets_too_many_messages_gets_them_later_and_in_order(up: State, when: str, number: str, other: str) -> None:
    post_call(up, f"conv_pair_{when}", number)
    post_call(up, f"conv_pair_other_{when}", other)
    steer(up, "settings", pair_burst=1, pair_seconds=1, pair_when=when)
    think(up, manner="long")
    try:
        write(up, number, "¿Cuánto cuesta?", f"SMc{number[-2:]}" + "1" * 29)
        conversation_of(up, number, 3 + (when == "async"))  # the first part; the second one is accepted, and comes back
        # An answer that leaves before its report is here would overtake it; refused at once, there is none to wait for.
        eventually_sync(lambda: when == "sync" or asyncio.run(has_come_back(up, number)))
        think(up, manner="normal")
        write(up, number, "¿Cuál es el horario?", f"SMc{number[-2:]}" + "2" * 29)
        write(up, other, "gracias", f"SMc{other[-2:]}" + "3" * 29)
        conversation_of(up, other, 3)
        assert len(arrived(up, number)) < 3  # while the other number is answered, this one waits
        eventually_sync(lambda: len(arrived(up, number)) >= 3, _PAIR_SECONDS)
    finally:
        steer(up, "settings", pair_burst=0)
        think(up, manner="normal")
    said = [row["reply"] for row in httpx.get(up["elevenlabs_url"] + "/_sim/ledger").json() if row["who"] == number]
    assert arrived(up, number) == [part for reply in said for part in split_message(to_whatsapp(reply))]


def think(up: State, **wanted: object) -> None:
    assert httpx.post(up["elevenlabs_url"] + "/_sim/settings", json=wanted).is_success


def arrived(up: State, number: str) -> list[str]:
    """Give what the client has read since the call, in the order in which it was sent."""
    return [row["body"] for row in sent_to(up, number) if row["status"] == "read" and not row["content_sid"]]


def test_stop_is_confirmed_once_and_a_later_campaign_is_409(up: State) -> None:
    number = "+573138540003"
    post_call(up, "conv_stop", number)
    write(up, number, "¡Baja!", "SM" + "3" * 32)
    chat = conversation_of(up, number, 3)
    assert chat["messages"][-1]["content"].startswith("Listo, no te escribiremos más.")
    for place in range(2):
        write(up, number, f"¿hola? {place}", f"SM{place:032x}", times=2)
    refused = post_call(up, "conv_stop_2", number)
    assert refused.status_code == httpx.codes.CONFLICT
    assert refused.json()["error"] == "The number has opted out"
    assert "ALTA" in refused.json()["details"]
    assert post_call(up, "conv_stop_2", number).status_code == httpx.codes.CONFLICT
    assert len(sent_to(up, number)) == 2  # the first message and the confirmation
    write(up, number, "alta", "SM" + "4" * 32)
    chat = conversation_of(up, number, 7)
    assert chat["messages"][-1]["content"].startswith("Listo, puedes volver")
    assert post_call(up, "conv_stop_3", number).json()["status"] == "message_sent"


def test_what_twilio_has_confirmed_is_not_confirmed_again(up: State) -> None:
    number = "+573138540004"
    post_call(up, "conv_twilio_stop", number)
    message = {"from": number, "body": "STOP", "sid": "SM" + "5" * 32, "extra": {"OptOutType": "STOP"}}
    assert httpx.post(up["twilio_url"] + "/_sim/inbound", json=message).json()["status"] == httpx.codes.OK
    conversation_of(up, number, 2)
    assert post_call(up, "conv_twilio_stop_2", number).status_code == httpx.codes.CONFLICT
    assert len(sent_to(up, number)) == 1


def test_a_number_that_blocked_us_is_409_from_then_on(up: State) -> None:
    number = "+573138540005"
    steer(up, "numbers", number=number, error_code=63033)
    assert post_call(up, "conv_blocked", number).json()["status"] == "message_sent"
    later = count(2)  # another call each time: the same one would have the same answer for ever
    eventually_sync(lambda: post_call(up, f"conv_blocked_{next(later)}", number).status_code == httpx.codes.CONFLICT)
    steer(up, "numbers", number="+573138540006", error_code=21610, when="sync")
    assert post_call(up, "conv_unsubscribed", "+573138540006").status_code == httpx.codes.CONFLICT
    steer(up, "numbers", number="+573138540006", error_code=None)
    assert post_call(up, "conv_unsubscribed_2", "+573138540006").status_code == httpx.codes.CONFLICT


def test_calls_that_were_not_really_calls(up: State) -> None:
    skipped = post_call(up, "conv_cancelled", "+573138540007", status="cancelled")
    assert (skipped.status_code, skipped.json()["status"]) == (200, "skipped")
    assert sent_to(up, "+573138540007") == []
    answer = httpx.get(up["web_url"] + "/api/conversations/+573138540007", headers=up["headers"])
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert post_call(up, "conv_voicemail", "+573138540008", status="voicemail").json()["status"] == "message_sent"
    assert len(sent_to(up, "+573138540008")) == 1


def test_a_stop_while_the_agent_thinks_ends_its_answer(up: State) -> None:
    number, sim = "+573138540014", f"{up['elevenlabs_url']}/_sim"
    post_call(up, "conv_stop_early", number)
    assert httpx.post(f"{sim}/settings", json={"latency_ms": 4000}).is_success
    write(up, number, "¿Cuánto cuesta?", "SMb" + "0" * 31)
    eventually_sync(lambda: number in httpx.get(f"{sim}/ledger").text)
    write(up, number, "STOP", "SMb" + "1" * 31)
    assert httpx.post(f"{sim}/settings", json={"latency_ms": 0}).is_success
    chat = conversation_of(up, number, 4)
    assert chat["messages"][-1]["content"].startswith("Listo, no te escribiremos más.")
    assert len(sent_to(up, number)) == 2  # the first message and the confirmation


def test_a_burst_gets_one_answer(up: State) -> None:
    number = "+573138540009"
    post_call(up, "conv_burst", number)
    for place, body in enumerate(("hola", "una pregunta", "¿cuánto cuesta?")):
        write(up, number, body, f"SM7{place:031x}")
    chat = conversation_of(up, number, 5)
    assert [message["direction"] for message in chat["messages"]] == ["outbound", *["inbound"] * 3, "outbound"]


def test_a_client_who_asks_for_a_person_gets_one_and_the_backend_is_told(up: State) -> None:
    number = "+573138540010"
    post_call(up, "conv_handoff", number)
    write(up, number, "Asesor, por favor", "SM8" + "0" * 31)
    conversation_of(up, number, 3)  # not the whole message: the agent answers
    Backend.away = True
    write(up, number, "Asesor", "SM8" + "1" * 31)
    chat = conversation_of(up, number, 5)
    os.kill(up["pids"]["worker-1"], signal.SIGKILL)  # started again; what the backend is to be told is in Postgres
    Backend.away = False
    assert (chat["status"], chat["messages"][-1]["content"][:23]) == ("escalated", "Te paso con una persona")
    write(up, number, "¿hay alguien?", "SM8" + "2" * 31)
    assert conversation_of(up, number, 6)["messages"][-1]["direction"] == "inbound"
    eventually_sync(lambda: any(event["phone_number"] == number for event in Backend.told))
    told = next(event for event in Backend.told if event["phone_number"] == number)
    assert (told["type"], told["data"]["by"]) == ("escalated", "client")
    assert len(sent_to(up, number)) == 3


def cli(up: State, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *arguments, "--data-dir", up["folder"]]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_a_number_is_exported_and_erased_and_its_opt_out_kept(up: State) -> None:
    number = "+573138540011"
    post_call(up, "conv_erase", number)
    write(up, number, "mi secreto", "SM9" + "0" * 31)
    conversation_of(up, number, 3)
    write(up, number, "BAJA", "SM9" + "1" * 31)
    conversation_of(up, number, 5)
    exported = cli(up, "export", number)
    assert exported.returncode == 0, exported.stderr
    assert "mi secreto" in exported.stdout
    erased = cli(up, "erase", number, "--yes")
    assert erased.returncode == 0, erased.stdout + erased.stderr
    assert "What remains" in erased.stdout
    answer = httpx.get(up["web_url"] + f"/api/conversations/{number}", headers=up["headers"])
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert post_call(up, "conv_erase_2", number).status_code == httpx.codes.CONFLICT
    kept = json.loads(cli(up, "export", number).stdout)
    assert (kept["conversation"], kept["messages"], bool(kept["suppression"])) == (None, [], True)
    view = f"{up['stats_url']}/conversations/{number}"
    eventually_sync(lambda: httpx.get(view, headers=up["headers"]).status_code == httpx.codes.NOT_FOUND)


@pytest.mark.parametrize("person", ["US.1234567890", "US.ENT.1234567890", "US." + "a" * 128])
def test_a_person_without_a_visible_number_has_a_conversation(up: State, person: str) -> None:
    write(up, person, "¿Cuánto cuesta?", f"SMa{len(person):031d}")
    chat = conversation_of(up, person, 2)
    assert (chat["phone_number"], chat["agent_id"]) == (conversation_key(person), "agent_for_strangers")
    assert [row["body"] for row in sent_to(up, person)] == [chat["messages"][1]["content"]]


def test_a_file_is_described_and_can_be_had(up: State) -> None:
    number, sid = "+573138540012", "MM" + "1" * 32
    post_call(up, "conv_media", number)
    files = [{"content_type": "application/pdf", "text": "el contrato"}]
    steer(up, "inbound", **{"from": number, "sid": sid, "media": files, "body": "mi contrato"})
    chat = conversation_of(up, number, 3)
    assert chat["messages"][1]["content"] == "[El cliente envió un documento PDF]\nmi contrato"
    url = f"{up['web_url']}/api/conversations/{number}/media/{sid}/0"
    file = httpx.get(url, headers=up["headers"], timeout=15)
    assert (file.status_code, file.text, file.headers["Content-Type"]) == (200, "el contrato", "application/pdf")
    assert httpx.get(url).status_code == httpx.codes.UNAUTHORIZED


def test_elevenlabs_tells_later_what_it_did_not_know_at_first(up: State) -> None:
    number, sim = "+573138540013", f"{up['elevenlabs_url']}/_sim"
    unfinished = {"conversation_id": "conv_late", "processing_seconds": 3600, "summary": "Quiere cambiar de plan"}
    assert httpx.post(f"{sim}/calls", json=unfinished).is_success
    post_call(up, "conv_late", number)
    assert json.loads(cli(up, "export", number).stdout)["conversation"]["call_summary"] is None
    assert httpx.post(f"{sim}/calls", json=unfinished | {"processing_seconds": 0}).is_success
    url = f"{up['web_url']}/webhook/elevenlabs/post-call"
    told = {"conversation_id": "conv_late", "url": url, "secret": "wsec"}
    assert httpx.post(f"{sim}/post-call", json=told).json() == {"status": 200}
    assert httpx.post(f"{sim}/post-call", json=told | {"secret": "wrong"}).json() == {"status": 403}
    kept = json.loads(cli(up, "export", number).stdout)["conversation"]
    assert (kept["call_summary"], kept["call_duration_secs"]) == ("Quiere cambiar de plan", 74)
