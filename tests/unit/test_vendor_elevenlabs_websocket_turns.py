"""Turns over the WebSocket with a vendor that follows a script: whole, failed, and tried once more."""

import asyncio

import pytest
from aiohttp import web

from clients.elevenlabs.events import AgentSilent, NeverAnswered
from schemas.errors import AccountRefused, RetryableError, TerminalError, VendorError
from tests.support.vendor_servers import (
    Script,
    ScriptedElevenLabs,
    end_of_turn,
    error,
    metadata,
    part,
    ping,
    response,
    tool_request,
    tool_response,
)
from tests.support.websocket_scripts import ANSWER, QUESTION, agent, refuses, says, until_asked


async def test_conversation_from_start_to_answer() -> None:
    vendor = ScriptedElevenLabs()

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_json(ping(1))
        await socket.send_json(metadata("conv_text"))
        await vendor.until(socket, "user_message")
        await socket.send_json(
            {"type": "client_tool_call", "client_tool_call": {"tool_name": "x", "tool_call_id": "c1"}}
        )
        await vendor.until(socket, "client_tool_result")
        call = {"tool_call_id": "m1", "state": "awaiting_approval"}
        await socket.send_json({"type": "mcp_tool_call", "mcp_tool_call": call})
        await vendor.until(socket, "mcp_tool_approval_result")
        await socket.send_json({"type": "mcp_tool_call", "mcp_tool_call": call | {"state": "failure"}})
        for event in (*ANSWER, end_of_turn()):
            await socket.send_json(event)
        await socket.receive()

    vendor = ScriptedElevenLabs(script)
    async with agent(vendor) as client:
        reply = await client.ask(QUESTION)
    assert (reply.text, reply.transport, reply.ended) == ("Cuesta $99", "websocket", False)
    assert reply.elevenlabs_conversation_id == "conv_text"
    assert reply.raw == {"conversation_id": "conv_text", "messages": ["Cuesta $99"]}
    start = vendor.starts[0]
    assert start["type"] == "conversation_initiation_client_data"
    assert start["conversation_config_override"] == {
        "conversation": {"text_only": True},
        "agent": {"first_message": ""},
    }
    assert start["dynamic_variables"]["plan"] == "oro"
    assert start["user_id"] == "+57313"
    pong, context, asked, tool, approval = vendor.heard
    assert pong == {"type": "pong", "event_id": 1}
    assert (context["type"], context["context_id"]) == ("contextual_update", "history")
    assert "Le interesa el plan" in context["text"]
    assert asked == {"type": "user_message", "text": "¿Precio?"}
    assert (tool["tool_call_id"], tool["is_error"]) == ("c1", True)
    assert approval["is_approved"] is False


TURNS: list[tuple[str, Script, str, bool]] = [
    ("quiet", says(*ANSWER), "Cuesta $99", False),
    ("parts alone", says(part("start"), part("delta", "Sí"), part("stop")), "Sí", False),
    (
        "tool",
        says(
            response("Un momento."),
            tool_request("p"),
            tool_response("p"),
            response("Cuesta $99"),
            end_of_turn(),
        ),
        "Un momento.\n\nCuesta $99",
        False,
    ),
    ("closed in good order", says(response("Adiós"), close=1000), "Adiós", False),
    ("closed before the stream's stop", says(part("start"), response("Adiós"), close=1000), "Adiós", False),
    (
        "its tool does not come back",
        says(response("Adiós"), tool_request("end_call"), close=1000),
        "Adiós",
        True,
    ),
    ("agent ends by its tool", says(response("Adiós"), tool_response("end_call")), "Adiós", True),
    ("broken after a whole answer", says(*ANSWER, close=1011), "Cuesta $99", False),
    ("deadline with a tool running", says(response("Un momento."), tool_request("p")), "Un momento.", False),
]


@pytest.mark.parametrize(("script", "text", "ended"), [t[1:] for t in TURNS], ids=[t[0] for t in TURNS])
async def test_turns(script: Script, text: str, ended: bool) -> None:
    vendor = ScriptedElevenLabs(script)
    async with agent(vendor) as client:
        reply = await client.ask(QUESTION)
    assert (reply.text, reply.ended, len(vendor.starts)) == (text, ended, 1)


OUT_OF_CREDITS = {"type": "error", "message": "This request exceeds your quota"}

# Failures: the error, and how many conversations were tried.
FAILURES: list[tuple[str, Script, type[VendorError], int]] = [
    ("silent", says(), AgentSilent, 2),
    ("silently ended", says(close=1000), AgentSilent, 2),
    ("language model failed", says(error(1002, "llm_timeout"), close=1002), AgentSilent, 2),
    ("only voice tags", says(response("[sighs]"), end_of_turn()), AgentSilent, 2),
    ("cut within an answer", says(part("start"), part("delta", "Cue"), close=0), AgentSilent, 2),
    ("cut within a tool", says(response("Un momento."), tool_request("p"), close=0), RetryableError, 1),
    (
        "parts alone, closed in good order",
        says(part("start"), part("delta", "Cue"), close=1000),
        NeverAnswered,
        3,
    ),
    (
        "a tool, closed in good order",
        says(response("Un momento."), tool_request("p"), close=1000),
        NeverAnswered,
        3,
    ),
    ("no credits", says(OUT_OF_CREDITS, close=1000), AccountRefused, 1),
    ("no credits within a text", says(part("start"), OUT_OF_CREDITS, close=1000), AccountRefused, 1),
    ("no credits after half", says(response("Cuesta"), OUT_OF_CREDITS, close=1000), AccountRefused, 1),
    ("no credits at the start", refuses(OUT_OF_CREDITS, close=1000), AccountRefused, 1),
    (
        "no credits by its reason",
        refuses(error(1008, "quota_exceeded", "No credits"), close=1008),
        AccountRefused,
        1,
    ),
    ("too many", refuses({"type": "queue_status"}, close=3008), RetryableError, 1),
    ("rejected", refuses(close=3000), RetryableError, 1),
    (
        "missing variable",
        refuses(error(1008, "missing_dynamic_variable", "name"), close=1008),
        TerminalError,
        1,
    ),
    ("not JSON", says([]), RetryableError, 1),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("script", "kind", "tried"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
async def test_failures(script: Script, kind: type[VendorError], tried: int) -> None:
    vendor = ScriptedElevenLabs(script)
    async with agent(vendor) as client:
        with pytest.raises(VendorError) as caught:
            await client.ask(QUESTION)
    assert (type(caught.value), len(vendor.starts)) == (kind, tried)


async def test_what_was_broken_off_once_is_whole_the_next_time() -> None:
    broken = says(part("start"), part("delta", "Cue"), close=1000)
    vendor = ScriptedElevenLabs(broken, broken, says(*ANSWER))
    async with agent(vendor) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"


async def test_an_account_without_credits_is_left_alone_for_a_while() -> None:
    async with agent(ScriptedElevenLabs(says(OUT_OF_CREDITS, close=1000))) as client:
        with pytest.raises(RetryableError) as caught:
            await client.ask(QUESTION)
    assert caught.value.retry_after


async def test_silence_is_tried_once_more() -> None:
    vendor = ScriptedElevenLabs(says(), says(*ANSWER))
    async with agent(vendor) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"


async def test_conversation_that_does_not_begin_is_tried_once_more() -> None:
    async def mute(socket: web.WebSocketResponse) -> None:
        await socket.receive()

    vendor = ScriptedElevenLabs(mute, says(*ANSWER))
    async with agent(vendor) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"


async def test_answer_does_not_wait_for_a_slow_close() -> None:
    let_go = asyncio.Event()

    async def stubborn(socket: web.WebSocketResponse) -> None:
        await socket.send_json(metadata())
        await until_asked(socket)
        await socket.send_json(response("Sí"))
        await socket.send_json(end_of_turn())
        await let_go.wait()

    async with agent(ScriptedElevenLabs(stubborn)) as client:
        async with asyncio.timeout(2.0):
            assert (await client.ask(QUESTION)).text == "Sí"
        let_go.set()
