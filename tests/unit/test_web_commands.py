"""`POST /api/conversations/{phone}/commands`: what is published, and what is answered."""

import json
from typing import Any

import pytest

from schemas.topics import CONVERSATION_COMMAND
from tests.support.gateway import AUTH, NUMBER, Fakes, gateway
from web.command_outcomes import CommandOutcome

PATH = f"/api/conversations/{NUMBER}/commands"


def outcome(**over: Any) -> CommandOutcome:  # noqa: ANN401
    known = {
        "phone_number": NUMBER, "command": "close", "is_final": True, "changed": True, "status": "closed",
        "conversation_id": 1, "sid": None, "error": None,
    }  # fmt: skip
    return CommandOutcome(**(known | over))


def body(**over: object) -> dict[str, object]:
    return {"command": "close", "by": "Ana", "command_id": "c1", **over}


async def test_a_command_is_published_under_its_number_and_answered_when_done() -> None:
    fakes = Fakes()
    fakes.commands.later["c1"] = outcome()
    async with gateway(fakes) as client:
        answer = await client.post(PATH.replace("+", ""), json=body(), headers=AUTH)
        assert (answer.status, await answer.json()) == (200, {
            "success": True, "status": "done", "command_id": "c1", "command": "close", "changed": True,
            "conversation_status": "closed", "whatsapp_message_id": None,
        })  # fmt: skip
    topic, key, value, _ = fakes.publisher.events[0]
    assert (topic, key) == (CONVERSATION_COMMAND, NUMBER)
    assert {name: json.loads(value)[name] for name in ("command", "by", "phone_number")} == {
        "command": "close", "by": "Ana", "phone_number": NUMBER,
    }  # fmt: skip


async def test_a_known_id_is_answered_without_a_second_effect() -> None:
    fakes = Fakes()
    fakes.commands.known["c1"] = outcome()
    async with gateway(fakes) as client:
        assert (await client.post(PATH, json=body(), headers=AUTH)).status == 200
        other = await client.post(PATH, json=body(command="resume"), headers=AUTH)
        assert other.status == 400
        assert "command_id" in (await other.json())["details"]
    assert fakes.publisher.events == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"status": 409, "error": "The conversation is closed", "details": "resume it first"}, 409),
        ({"status": 404, "error": "Conversation not found", "details": "x"}, 404),
        ({"error": "odd"}, 422),
        ({"status": 99, "error": "odd"}, 422),
    ],
)
async def test_a_refusal_says_why(error: dict[str, Any], status: int) -> None:
    fakes = Fakes()
    fakes.commands.later["c1"] = outcome(error=error)
    async with gateway(fakes) as client:
        answer = await client.post(PATH, json=body(), headers=AUTH)
        assert (answer.status, (await answer.json())["error"]) == (status, error["error"])


async def test_not_in_time_is_202_and_tells_the_id() -> None:
    fakes = Fakes()
    async with gateway(fakes) as client:
        answer = await client.post(PATH, json={"command": "close", "by": "Ana"}, headers=AUTH)
        assert answer.status == 202
        assert (await answer.json())["command_id"] == json.loads(fakes.publisher.events[0][2])["command_id"]


async def test_nothing_without_the_token_and_nothing_stored_anywhere_is_503() -> None:
    fakes = Fakes()
    async with gateway(fakes) as client:
        assert (await client.post(PATH, json=body())).status == 401
        assert (await client.post(PATH, data=b"x", headers=AUTH)).status == 415
        fakes.publisher.away = True
        assert (await client.post(PATH, json=body(), headers=AUTH)).status == 503
