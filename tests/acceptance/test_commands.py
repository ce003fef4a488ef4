"""Operators' commands to a conversation, over HTTP and from the command line."""

import json
import uuid

import httpx
import pytest

from tests.acceptance.conftest import Command
from tests.support import http
from tests.support.outside import post_call
from tests.support.up import State, conversation_of, write

_FREE = (f"+57313853{place:04d}" for place in range(7000, 7100))


@pytest.fixture
def number(operated: State) -> str:
    """A client with a conversation."""
    number = next(_FREE)
    http.post(operated["elevenlabs_url"] + "/_sim/settings", json={"manner": "echo"})
    answer = post_call(operated, f"conv_{number}", number)
    assert answer.json()["status"] == "message_sent"
    return number


def _tell(up: State, number: str, command: str, **options: object) -> httpx.Response:
    url = f"{up['web_url']}/api/conversations/{number}/commands"
    body = {"command": command, "by": "Ana"} | options
    return http.post(url, json=body, headers=up["headers"], timeout=15)


def _write(up: State, number: str, text: str) -> None:
    write(up, number, text, f"SM{uuid.uuid4().hex}")


def _sent(up: State, number: str) -> list[str]:
    rows = http.get(up["twilio_url"] + "/_sim/ledger").json()
    return [row["body"] for row in rows if row["direction"] != "inbound" and row["to"].endswith(number)]


def test_a_person_takes_over_writes_and_gives_back(operated: State, number: str) -> None:
    _write(operated, number, "uno")
    conversation_of(operated, number, 3)
    escalated = _tell(operated, number, "escalate", reason="quiere hablar con alguien").json()
    assert (escalated["status"], escalated["changed"], escalated["conversation_status"]) == (
        "done",
        True,
        "escalated",
    )
    _write(operated, number, "dos")
    assert conversation_of(operated, number, 4)["status"] == "escalated"
    identity = {"command_id": str(uuid.uuid4())}
    first = _tell(operated, number, "write", text="Soy Ana, ¿en qué le ayudo?", **identity).json()
    assert first["whatsapp_message_id"].startswith(("SM", "MM"))
    assert _tell(operated, number, "write", text="Soy Ana, ¿en qué le ayudo?", **identity).json() == first
    assert _tell(operated, number, "resume").json()["conversation_status"] == "active"
    _write(operated, number, "tres")
    chat = conversation_of(operated, number, 7)
    assert [message["content"] for message in chat["messages"]][3:6] == [
        "dos",
        "Soy Ana, ¿en qué le ayudo?",
        "tres",
    ]
    answers = _sent(operated, number)[1:]
    assert answers[:2] == ["Eco: uno", "Soy Ana, ¿en qué le ayudo?"]
    assert len(answers) == 3
    assert "dos" not in answers[2].split("\n")[0]


def test_a_closed_conversation_refuses_until_it_is_resumed(
    operated: State, number: str, command: Command
) -> None:
    assert command("conversation", "close", number, "--by", "Luis")["changed"]
    assert not command("conversation", "close", number)["changed"]
    assert operated["headers"]
    for words in (
        ["escalate", number],
        ["write", number, "--text", "hola"],
        ["change-agent", number, "--agent-id", "a"],
    ):
        refused = command("conversation", *words, code=1)
        assert (refused["error"], refused["details"]) == ("The conversation is closed", "resume it first")
    assert command("conversation", "resume", number)["conversation_status"] == "active"
    assert command("conversation", "change-agent", number, "--agent-id", "agent_other")["changed"]
    assert conversation_of(operated, number, 1)["agent_id"] == "agent_other"


def test_what_cannot_be_done_is_refused_with_why(operated: State, number: str, command: Command) -> None:
    outside = _tell(operated, number, "write", text="hola")  # this client has never written
    assert (outside.status_code, outside.json()["error"]) == (409, "Outside the 24-hour window")
    unknown = _tell(operated, "+573999999998", "close")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "Conversation not found")
    http.post(operated["twilio_url"] + "/_sim/numbers", json={"number": number, "error_code": 21608})
    _write(operated, number, "uno")
    conversation_of(operated, number, 2)
    refused = _tell(operated, number, "write", text="hola")
    assert (refused.status_code, refused.json()["success"]) == (422, False)
    assert "21608" in refused.json()["details"]
    # What the agent said was refused as well, and so was the apology for it: a person stands in.
    assert _tell(operated, number, "resume").json()["changed"] is True
    used = {"command_id": str(uuid.uuid4())}
    assert _tell(operated, number, "resume", **used).json()["changed"] is False
    assert _tell(operated, number, "close", **used).status_code == 400
    assert command("conversation", "close", "hola", code=2)["error"].startswith("phone_number: ")
    assert command("conversation", "write", number, code=2)["error"].count("\n") == 1


def test_a_template_is_filled_as_it_is_or_refused_with_why(
    operated: State, number: str, command: Command
) -> None:
    sid = "HX" + "e" * 32
    http.post(
        operated["twilio_url"] + "/_sim/templates",
        json={"sid": sid, "body": "Hola {{1}}, ¿seguimos con {{2}}?"},
    )
    lacking = _tell(operated, number, "write", content_sid=sid, content_variables={"1": "Ana"})
    assert (lacking.status_code, lacking.json()["details"]) == (
        400,
        "content_variables: lacks 2, which the template has",
    )
    empty = _tell(operated, number, "write", content_sid=sid, content_variables={"1": "Ana", "2": "\n"})
    assert (empty.status_code, empty.json()["error"]) == (422, "The template's variables do not fit")
    values = json.dumps({"1": "Ana\tGarcía", "2": "el plan\n     oro"})
    options = ("--content-sid", sid, "--content-variables", values)
    assert command("conversation", "write", number, *options)["whatsapp_message_id"]
    assert _sent(operated, number)[1:] == ["Hola Ana García, ¿seguimos con el plan oro?"]


def test_a_template_is_looked_up_for_the_command_line_too(
    operated: State, number: str, command: Command
) -> None:
    sid, unknown = "HX" + "f" * 32, "HX" + "0" * 32
    http.post(operated["twilio_url"] + "/_sim/templates", json={"sid": sid, "body": "Hola: {{1}}"})
    for options, said in (
        (["--content-sid", unknown], "content_sid: is unknown to Twilio"),
        (["--content-sid", sid], "content_variables: lacks 1, which the template has"),
    ):
        error = command("conversation", "write", number, *options, code=2)["error"]
        assert error.splitlines()[-1] == said
    options = ["--content-sid", sid, "--text", "¿seguimos?"]
    assert command("conversation", "write", number, *options)["whatsapp_message_id"]
    assert _sent(operated, number)[1:] == ["Hola: ¿seguimos?"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "command"),
        ({"command": "dance", "by": "Ana"}, "command"),
        ({"command": "close"}, "by"),
        ({"command": "write", "by": "Ana"}, "body"),
        ({"command": "change_agent", "by": "Ana"}, "body"),
        ({"command": "write", "by": "Ana", "content_sid": "x"}, "content_sid"),
    ],
)
def test_a_malformed_command_is_a_clear_error(operated: State, body: State, named: str) -> None:
    url = f"{operated['web_url']}/api/conversations/+573138537100/commands"
    answer = http.post(url, json=body, headers=operated["headers"])
    assert answer.status_code == 400
    assert answer.json()["details"].startswith(f"{named}: ")


def test_doctor_looks_at_the_service_that_runs(command: Command) -> None:
    findings = list(command("doctor"))
    found = {each["what"]: each["found"] for each in findings}
    assert {each["advice"] for each in findings} == {""}, findings
    assert [found[name] for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "TWILIO_AUTH_TOKEN")] == [
        "set"
    ] * 3
    assert [found[name] for name in ("Postgres", "Twilio", "ElevenLabs")] == ["ok"] * 3
    assert found["Kafka"] == "7 topics of 8 partitions"
