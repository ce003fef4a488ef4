"""`POST /api/conversations/{phone}/commands`: what is published, and what is answered."""

import json
from typing import Any

import pytest

from schemas.topics import CONVERSATION_COMMAND
from tests.support.gateway import AUTH, NUMBER, Fakes, gateway
from web.outcomes import CommandOutcome

PATH = f"/api/conversations/{NUMBER}/commands"


def outcome(**over: Any) -> CommandOutcome:  # noqa: ANN401
    known = {
        "addresses": (NUMBER,),
        "command": "close",
        "is_final": True,
        "changed": True,
        "status": "closed",
        "conversation_id": 1,
        "sid": None,
        "error": None,
    }
    return CommandOutcome(**(known | over))


def body(**over: object) -> dict[str, object]:
    return {"command": "close", "by": "Ana", "command_id": "c1", **over}


async def test_a_command_is_published_under_its_number_and_answered_when_done() -> None:
    fakes = Fakes()
    fakes.commands.later["c1"] = outcome()
    async with gateway(fakes) as client:
        answer = await client.post(PATH.replace("+", ""), json=body(), headers=AUTH)
        assert (answer.status, await answer.json()) == (
            200,
            {
                "success": True,
                "status": "done",
                "command_id": "c1",
                "command": "close",
                "changed": True,
                "conversation_status": "closed",
                "whatsapp_message_id": None,
            },
        )
    topic, key, value, _ = fakes.publisher.events[0]
    assert (topic, key) == (CONVERSATION_COMMAND, NUMBER)
    assert {name: json.loads(value)[name] for name in ("command", "by", "phone_number")} == {
        "command": "close",
        "by": "Ana",
        "phone_number": NUMBER,
    }


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
    ("addresses", "status"),
    [((NUMBER,), 200), (("+573000000000", NUMBER), 200), (("+573000000000",), 400), ((), 200)],
)
async def test_an_id_is_its_persons_whichever_of_the_addresses_it_was_sent_to(
    addresses: tuple[str, ...], status: int
) -> None:
    fakes = Fakes()
    fakes.commands.known["c1"] = outcome(addresses=addresses)
    async with gateway(fakes) as client:
        assert (await client.post(PATH, json=body(), headers=AUTH)).status == status
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


TEMPLATE = "HX" + "a" * 32


@pytest.mark.parametrize(
    ("known", "given", "refused"),
    [
        ({"1": "", "2": ""}, {"content_variables": {"1": "Ana", "2": "20"}}, None),
        ({}, {}, None),
        (
            {"1": "", "2": ""},
            {"content_variables": {"1": "Ana"}},
            "content_variables: lacks 2, which the template has",
        ),
        (
            {"1": ""},
            {"content_variables": {"1": "Ana", "3": "x"}},
            "content_variables: has 3, which the template lacks",
        ),
        ({"1": "", "2": ""}, {"text": "hola"}, "content_variables: lacks 1, 2, which the template has"),
        (None, {}, "content_sid: is unknown to Twilio"),
    ],
)
async def test_a_template_that_does_not_fit_is_refused_before_anything_is_published(
    known: dict[str, str] | None, given: dict[str, object], refused: str | None
) -> None:
    fakes = Fakes()
    if known is not None:
        fakes.templates.known[TEMPLATE] = known
    async with gateway(fakes) as client:
        answer = await client.post(
            PATH, json=body(command="write", content_sid=TEMPLATE, **given), headers=AUTH
        )
        assert answer.status == (202 if refused is None else 400)
        assert (await answer.json()).get("details") == refused
    assert len(fakes.publisher.events) == (refused is None)


@pytest.mark.parametrize("category", ["AUTHENTICATION", "UTILITY"])
async def test_that_a_template_needs_a_number_goes_with_the_command(category: str) -> None:
    fakes = Fakes()
    fakes.templates.known[TEMPLATE], fakes.templates.categories[TEMPLATE] = {}, category
    async with gateway(fakes) as client:
        assert (
            await client.post(PATH, json=body(command="write", content_sid=TEMPLATE), headers=AUTH)
        ).status == 202
    assert json.loads(fakes.publisher.events[0][2])["needs_number"] is (category == "AUTHENTICATION")


async def test_a_text_fills_a_template_that_has_one_variable() -> None:
    fakes = Fakes()
    fakes.templates.known[TEMPLATE] = {"1": ""}
    async with gateway(fakes) as client:
        given = body(command="write", content_sid=TEMPLATE, text="¿Seguimos?")
        assert (await client.post(PATH, json=given, headers=AUTH)).status == 202
    assert json.loads(fakes.publisher.events[0][2])["content_variables"] == {"1": "¿Seguimos?"}


async def test_while_twilio_is_away_a_template_is_taken_as_it_is() -> None:
    fakes = Fakes()
    fakes.templates.away = True
    async with gateway(fakes) as client:
        answer = await client.post(PATH, json=body(command="write", content_sid=TEMPLATE), headers=AUTH)
        assert answer.status == 202
