"""Replay of a past window on the real stack: shown first, nothing sent twice unless asked for by name."""

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

from tests.acceptance.conftest import Command
from tests.support import http
from tests.support.outside import post_body, post_call
from tests.support.up import (
    ROOT,
    State,
    call_body,
    conversation_of,
    eventually_sync,
    on_database,
    running_up,
    write,
)

_CLIENTS = [f"+57313853200{n}" for n in range(4)]
_FORGOTTEN = "+573138532100"
_WAIT_SECONDS = 30
_LOOK_SECONDS = 0.1


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[State]:
    """A service of its own: whole topics are replayed and compared, so others' events must not be in them."""
    with running_up(tmp_path_factory.mktemp("replayed"), jars) as state:
        yield state


@pytest.fixture(scope="module")
def chats(operated: State) -> State:
    """Calls and answered messages, and one call that the journal has forgotten, as after an older backup."""
    for number in [*_CLIENTS, _FORGOTTEN]:
        body = call_body(f"conv_{number}", number) | {"batch_id": f"b{number[-1]}"}
        answer = post_body(operated, body)
        assert answer.json()["status"] == "message_sent"
    for place, number in enumerate([*_CLIENTS, *_CLIENTS]):
        write(operated, number, f"mensaje {place}", f"SM{place:030x}f0")
    for number in _CLIENTS:
        conversation_of(operated, number, 4)
    return operated


def _sent(up: State, number: str) -> list[str]:
    rows = http.get(up["twilio_url"] + "/_sim/ledger").json()
    return [row["body"] for row in rows if row["to"] == f"whatsapp:{number}"]


def _until_sent(up: State, number: str, count: int) -> list[str]:
    eventually_sync(lambda: len(_sent(up, number)) >= count, _WAIT_SECONDS)
    return _sent(up, number)


def test_what_is_done_stays_done(chats: State, command: Command) -> None:
    before = [len(_sent(chats, number)) for number in _CLIENTS]
    for topic in ("call-completed", "inbound-message"):
        plan = command("replay", topic, "--since", "1h", "--dry-run", "--number", _CLIENTS[0])
        assert set(plan["outcomes"]) == {"done", "left out"}
        command("replay", topic, "--since", "1h", "--yes", code=1)  # nothing to do
    assert [len(_sent(chats, number)) for number in _CLIENTS] == before


def test_the_tables_are_the_logs(chats: State, command: Command) -> None:
    report = command("replay", "conversation-event", "--mode", "rebuild")
    assert report["events"] > 30
    assert (report["unreadable"], report["with_gaps"], report["without_beginning"]) == ({}, 0, 0)
    assert [table for table in report["differences"] if table["examples"]] == []
    equal = {table["table"]: table["equal"] for table in report["differences"]}
    assert equal["conversation_messages"] >= 4 * 4 + 1


def test_an_empty_database_is_filled(chats: State, command: Command) -> None:
    on_database(chats, "CREATE DATABASE rebuilt")
    into = urlsplit(chats["database_url"])._replace(path="/rebuilt").geturl()
    command("replay", "conversation-event", "--mode", "rebuild", "--into", into)
    query = "SELECT id, phone_number, message_count, metadata::text FROM conversation_state ORDER BY id"
    assert on_database({"database_url": into}, query) == on_database(chats, query)
    said = command("replay", "conversation-event", "--mode", "rebuild", "--into", into, code=2)["error"]
    assert said == "--into: holds conversations already; give an empty database\n"


def test_the_present_rules_decide_alike(chats: State, command: Command) -> None:
    for topic, kinds in {
        "call-completed": {"begins", "first message"},
        "inbound-message": {"message", "text", "intent"},
        "message-status": {"rank"},
        "conversation-event": {"begins", "first message", "message", "parts", "send", "rank"},
    }.items():
        found = command("replay", topic, "--since", "1h", "--mode", "what-if")
        assert set(found["compared"]) >= kinds
        assert (found["differing"], found["unreadable"], found["unknown"]) == ({}, 0, 0)


def test_a_client_is_written_to_again_by_name_only(chats: State, command: Command) -> None:
    number, other = _CLIENTS[1], len(_sent(chats, _CLIENTS[2]))
    before = len(_sent(chats, number))
    options = ("replay", "inbound-message", "--since", "1h", "--mode", "again", "--number", number)
    refused = command(*options, code=2)["error"]
    assert "--yes" in refused
    assert "2 events of 1 clients" in refused
    done = command(*options, "--yes")
    assert (done["outcomes"]["again"], done["clients"]) == (2, 1)
    _until_sent(chats, number, before + 2)
    marked = "SELECT count(*) FROM conversation_messages WHERE metadata->>'replay' = $1"
    assert on_database(chats, marked, done["id"])[0][0] == 2
    assert "is done" in command("replay", "--id", done["id"], code=2)["error"]
    assert len(_sent(chats, _CLIENTS[2])) == other


def test_a_forgotten_call_is_taken_up_and_not_said_twice(chats: State, command: Command) -> None:
    """The journal of an older backup does not know the call; Twilio's list does."""
    before = _sent(chats, _FORGOTTEN)
    for table in ("actor", "state", "log", "sends", "seen"):
        on_database(chats, f"DELETE FROM conversation_{table} WHERE phone_number = $1", _FORGOTTEN)
    on_database(chats, "INSERT INTO conversation_restore VALUES (now())")
    for pid in (pid for name, pid in chats["pids"].items() if name.startswith("worker")):
        os.kill(pid, signal.SIGKILL)  # `up` starts it again: a restore is done without workers
    try:
        done = command("replay", "call-completed", "--since", "1h", "--yes", "--number", _FORGOTTEN)
        assert done["outcomes"]["new"] == 1
        assert conversation_of(chats, _FORGOTTEN, 1)["messages"][0]["content"] == before[0]
        assert _sent(chats, _FORGOTTEN) == before
    finally:
        on_database(chats, "DELETE FROM conversation_restore")


def test_a_failed_first_message_is_finished_when_twilio_takes_it(chats: State, command: Command) -> None:
    number = "+573138532200"
    numbers = chats["twilio_url"] + "/_sim/numbers"
    http.post(numbers, json={"number": number, "error_code": 21211}).raise_for_status()
    assert post_call(chats, "conv_refused", number).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    http.post(numbers, json={"number": number, "error_code": None}).raise_for_status()
    done = command("replay", "call-completed", "--since", "1h", "--only", "failed", "--yes")
    assert done["outcomes"]["failed"] == 1
    assert len(_until_sent(chats, number, 1)) == 1
    assert post_call(chats, "conv_refused", number).json()["status"] == "message_sent"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["nothing", "--since", "1h"],
            2,
            "topic: --mode resume reads one of: call-completed, inbound-message",
        ),
        (["conversation-event", "--since", "1h"], 2, "topic: --mode resume reads one of"),
        (["conversation-command", "--since", "1h"], 2, "topic: an operator's command would hit what"),
        (["inbound-message"], 2, "--since: say from when, or --from-offset"),
        (["inbound-message", "--since", "yesterday"], 2, "--since: 'yesterday' is no time"),
        (["inbound-message", "--since", "1h", "--until", "2h"], 2, "--until: must be later than --since"),
        (
            ["inbound-message", "--since", "1h", "--from-offset", "3"],
            2,
            "--from-offset: give either times or offsets",
        ),
        (
            ["inbound-message", "--from-offset", "5", "--to-offset", "5"],
            2,
            "--to-offset: must be above --from-offset",
        ),
        (["inbound-message", "--since", "1h", "--number", "57"], 2, "phone_number: not a phone number"),
        (
            ["inbound-message", "--since", "1h", "--mode", "other"],
            2,
            "--mode: must be one of: resume, rebuild",
        ),
        (["inbound-message", "--since", "1h", "--rate", "0"], 2, "--rate: must be above 0"),
        (
            ["inbound-message", "--since", "1h", "--into", "postgresql://x"],
            2,
            "--into: goes with --mode rebuild",
        ),
        (
            ["inbound-message", "--since", "1h", "--mode", "rebuild"],
            2,
            "topic: --mode rebuild reads conversation-event",
        ),
        (["--id", "no-such"], 2, "--id: no such replay"),
        ([], 2, "TOPIC: say which topic, or --id of an interrupted replay"),
        (
            ["inbound-message", "--since", "2020-01-01", "--until", "2020-01-02"],
            1,
            "not available: no event in this",
        ),
        (["inbound-message", "--from-offset", "999999999"], 1, "not available: no event in this window"),
        (
            ["conversation-event", "--mode", "rebuild", "--catch-up"],
            1,
            "not available: workers are running; stop them",
        ),
    ],
)
def test_bad_input_is_one_line(
    chats: State, command: Command, words: list[str], code: int, said: str
) -> None:
    error = command("replay", *words, code=code)["error"]
    assert error.startswith(said)
    assert error.count("\n") == 1


def test_an_interrupted_replay_goes_on(chats: State, command: Command) -> None:
    """Ten events at one a second, killed in the middle; the rest follows under the same id, nothing twice."""
    number = _CLIENTS[3]
    for place in range(10):
        write(chats, number, f"otra {place}", f"SM{place:030x}e0")
    done = (
        "SELECT count(*) FROM conversation_seen s JOIN conversation_actor a USING (phone_number)"
        " WHERE s.phone_number = $1 AND s.kind = 'message' AND NOT a.is_open"
    )
    eventually_sync(lambda: on_database(chats, done, number)[0][0] >= 12, _WAIT_SECONDS)
    options = [
        "replay",
        "inbound-message",
        "--since",
        "1h",
        "--mode",
        "again",
        "--number",
        number,
        "--rate",
        "2",
        "--yes",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *options, "--data-dir", chats["folder"]],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + _WAIT_SECONDS
    published = "SELECT id, published FROM conversation_replay WHERE state = 'begun'"
    while not (rows := on_database(chats, published)) or rows[0]["published"] < 2:
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(_LOOK_SECONDS)
    process.kill()
    process.wait()
    assert "unfinished" in command(*options, code=2)["error"]
    rest = command("replay", "--id", rows[0]["id"], "--yes")
    assert 0 < rest["published"] < 12
    marked = "SELECT count(*) FROM conversation_seen WHERE event_id LIKE 'replay:' || $1 || ':%'"
    eventually_sync(lambda: on_database(chats, marked, rows[0]["id"])[0][0] >= 12, _WAIT_SECONDS)
