"""Overrides that an agent refuses: which are left out, for how long, and what is not a refusal."""

import pytest
from aiohttp import web

from clients.elevenlabs import overrides
from clients.elevenlabs.overrides import FIRST_MESSAGE, OVERRIDES, Refusals
from tests.support.vendor_servers import (
    Json,
    Script,
    ScriptedElevenLabs,
    end_of_turn,
    error,
    metadata,
    response,
)
from tests.support.websocket_scripts import ANSWER, QUESTION, agent, refuses, says


async def _greets(socket: web.WebSocketResponse) -> None:
    """Begin with the greeting of a call, which nobody switched off, and answer."""
    await socket.send_json(metadata())
    await socket.send_json(response("¡Hola! Gracias por llamar.", 1))
    await socket.send_json(end_of_turn())
    await says(*ANSWER)(socket)


def _refuses(field: str) -> Script:
    why = f"Override for field '{field}' is not allowed by config."
    return refuses(error(1008, "override_error", why), close=1008, reason=why.encode())


def _overrides(vendor: ScriptedElevenLabs) -> list[Json]:
    return [start.get("conversation_config_override", {}) for start in vendor.starts]


BOTH = {"conversation": {"text_only": True}, "agent": {"first_message": ""}}
TEXT_ONLY, NO_GREETING = {"conversation": BOTH["conversation"]}, {"agent": BOTH["agent"]}
NAMELESS = [refuses(close=1008, reason=b"Override is not allowed"), refuses(close=1008)]


@pytest.mark.parametrize("refusal", NAMELESS, ids=["reason only", "code only"])
async def test_refused_overrides_are_done_without_and_remembered(refusal: Script) -> None:
    vendor = ScriptedElevenLabs(refusal, _greets)
    async with agent(vendor) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"
        assert (await client.ask(QUESTION)).text == "Cuesta $99"
    assert _overrides(vendor) == [BOTH, {}, {}]


@pytest.mark.parametrize(
    ("field", "script", "kept"),
    [("first_message", _greets, TEXT_ONLY), ("text_only", says(*ANSWER), NO_GREETING)],
)
async def test_only_the_override_that_is_refused_is_left_out(field: str, script: Script, kept: Json) -> None:
    vendor = ScriptedElevenLabs(_refuses(field), script)
    async with agent(vendor) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"
        assert (await client.ask(QUESTION)).text == "Cuesta $99"
    assert _overrides(vendor) == [BOTH, kept, kept]


async def test_both_overrides_refused_one_after_the_other_cost_two_more_conversations_once() -> None:
    vendor = ScriptedElevenLabs(_refuses("first_message"), _refuses("text_only"), _greets)
    async with agent(vendor) as client:
        await client.ask(QUESTION)
        await client.ask(QUESTION)
    assert _overrides(vendor) == [BOTH, TEXT_ONLY, {}, {}]


async def test_connection_lost_at_the_start_is_not_remembered_as_refusal() -> None:
    vendor = ScriptedElevenLabs(refuses(close=None), _greets, says(*ANSWER))
    async with agent(vendor) as client:
        await client.ask(QUESTION)
        await client.ask(QUESTION)
    assert _overrides(vendor) == [BOTH, {}, BOTH]


async def test_a_connection_lost_at_two_starts_in_a_row_is_taken_for_a_refusal_that_does_not_say_so() -> None:
    lost = refuses(close=None)
    vendor = ScriptedElevenLabs(lost, _greets, lost, _greets)
    async with agent(vendor) as client:
        for _ in range(3):
            await client.ask(QUESTION)
    assert _overrides(vendor) == [BOTH, {}, BOTH, {}, {}]


def test_a_refusal_is_forgotten_after_a_time_and_is_of_one_agent() -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    refusals.learn("agent_1", said=frozenset({FIRST_MESSAGE}), unsaid=frozenset())
    assert refusals.allowed("agent_1") == {overrides.TEXT_ONLY}
    assert refusals.allowed("agent_2") == set(OVERRIDES)
    now[0] = 600.0
    assert refusals.allowed("agent_1") == set(OVERRIDES)
