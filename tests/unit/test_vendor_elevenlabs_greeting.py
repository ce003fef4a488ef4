"""A greeting that comes although it was switched off is no answer, whatever the order."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from clients.elevenlabs.agent_settings import is_greeting
from clients.elevenlabs.event_order import EventOrder, Origin
from clients.elevenlabs.events import AgentSilent
from tests.support.vendor_servers import (
    Json,
    Script,
    ScriptedElevenLabs,
    end_of_turn,
    metadata,
    part,
    ping,
    response,
)
from tests.support.websocket_scripts import ANSWER, QUESTION, agent, until_asked

GREETING = "¡Hola! Gracias por llamar."


def numbered(event: Json, number: int) -> Json:
    """The same event under another number."""
    return {
        key: value | {"event_id": number} if isinstance(value, dict) else value
        for key, value in event.items()
    }


WHOLE = [response(GREETING, 1)]
ENDED = [*WHOLE, numbered(end_of_turn(), 1)]
IN_PARTS = [numbered(each, 1) for each in (part("start"), part("delta", GREETING), part("stop"))]
CORRECTED = [
    response(f"{GREETING} Soy", 1),
    {
        "type": "agent_response_correction",
        "agent_response_correction_event": {
            "original_agent_response": f"{GREETING} Soy",
            "corrected_agent_response": GREETING,
            "event_id": 1,
        },
    },
]
INTERRUPTED = [{"type": "interruption", "interruption_event": {"event_id": 3}}, response(GREETING, 3)]
GREETINGS = {
    "whole": WHOLE,
    "ended": ENDED,
    "parts": IN_PARTS,
    "corrected": CORRECTED,
    "both": [*IN_PARTS, *WHOLE],
}


def conversation(*, before: Sequence[Json] = (), behind: Sequence[Json] = ()) -> Script:
    async def script(socket: web.WebSocketResponse) -> None:
        for event in (metadata(), *before):
            await socket.send_json(event)
        await until_asked(socket)
        for event in behind:
            await socket.send_json(event)
        await socket.receive()

    return script


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
@pytest.mark.parametrize("order", ["before", "first", "last"])
async def test_a_greeting_in_any_order_is_no_answer(greeting: list[Json], order: str) -> None:
    before = greeting if order == "before" else []
    behind = {"before": ANSWER, "first": (*greeting, *ANSWER), "last": (*ANSWER[:3], *greeting, ANSWER[3])}[
        order
    ]
    vendor = ScriptedElevenLabs(conversation(before=before, behind=behind))
    async with agent(vendor) as client:
        reply = await client.ask(QUESTION)
    assert (reply.text, len(vendor.starts)) == ("Cuesta $99", 1)
    assert GREETING not in json.dumps(reply.raw, ensure_ascii=False)


async def test_what_was_interrupted_by_the_question_is_no_answer() -> None:
    answer = [numbered(event, 4) for event in ANSWER]
    vendor = ScriptedElevenLabs(conversation(behind=[*INTERRUPTED, *answer]))
    async with agent(vendor) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
async def test_a_greeting_alone_is_silence(greeting: list[Json]) -> None:
    vendor = ScriptedElevenLabs(conversation(behind=greeting))
    async with agent(vendor) as client:
        with pytest.raises(AgentSilent):
            await client.ask(QUESTION)
    assert len(vendor.starts) == 2


class WithSettings(ScriptedElevenLabs):
    """Lets the agent's settings be read, too."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "/agents/" in request.path:
            return web.json_response(settings("¡Hola {{customer_name}}! Gracias por llamar."))
        return await super().handle(request)


def settings(first_message: Any) -> Json:  # noqa: ANN401 - whatever a vendor says
    return {"agent_id": "agent_1", "conversation_config": {"agent": {"first_message": first_message}}}


async def test_the_first_event_is_the_answer_where_its_words_are_not_the_greetings() -> None:
    answer = [numbered(event, 1) for event in (*ANSWER, end_of_turn())]
    async with agent(WithSettings(conversation(behind=answer))) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"


async def test_a_greeting_is_known_by_its_words() -> None:
    greeting = response("¡Hola Ana! Gracias por llamar.", 1)
    async with agent(WithSettings(conversation(behind=[greeting, *ANSWER]))) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"


@pytest.mark.parametrize(
    ("first_message", "said", "greets"),
    [
        ("¡Hola {{ name }}! Soy {{agent}}.", "¡Hola Ana! Soy Luz.", True),
        ("¡Hola {{ name }}! Soy {{agent}}.", "¡Hola", True),
        ("¡Hola {{ name }}! Soy {{agent}}.", "¡Hola Ana! El plan cuesta $99.", False),
        ("Hola.  ¿Qué\ntal?", " Hola. ¿Qué tal? ", True),
        ("Hola. ¿Qué tal?", "Hola. ¿Qué t…", True),
        ("Hola. ¿Qué tal?", "Hola. ¿Qué tal? El plan cuesta $99.", False),
        ("Hola {{name}}", "Hola Ana María", True),
        ("{{greeting}}", "Buenas", False),
        ("", "Buenas", False),
        (None, "Buenas", False),
        ("Hola", "", False),
    ],
)
def test_a_greeting_by_its_words(first_message: str | None, said: str, greets: bool) -> None:
    assert is_greeting(settings(first_message), said) == greets


def test_pings_and_ends_say_nothing_of_the_order() -> None:
    order = EventOrder()
    order.precede(ping(7))
    order.precede(end_of_turn())
    assert order.origin(response("Cuesta $99", 2)) is Origin.ANSWER


@given(st.lists(st.integers(min_value=2, max_value=9)))
def test_an_answers_numbers_never_fall(numbers: list[int]) -> None:
    order = EventOrder()
    taken = [number for number in numbers if order.origin(response("x", number)) is Origin.ANSWER]
    assert taken == sorted(taken)
    assert taken[:1] == numbers[:1]


@pytest.mark.parametrize("number", [None, "3", True, 2.0])
def test_what_has_no_number_is_the_answers(number: object) -> None:
    assert EventOrder().origin(numbered(response("x"), number)) is Origin.ANSWER  # type: ignore[arg-type]
