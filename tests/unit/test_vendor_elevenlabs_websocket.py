"""Text conversations over the WebSocket with a vendor that follows a script."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from schemas.errors import RetryableError, TerminalError, VendorError
from schemas.settings import load_settings
from streams.vendors import elevenlabs_conversation, turn_end
from streams.vendors import elevenlabs_overrides as overrides
from streams.vendors.agent import CallContext, Question
from streams.vendors.elevenlabs_api import ElevenLabsApi
from streams.vendors.elevenlabs_events import AgentSilent
from streams.vendors.elevenlabs_overrides import FIRST_MESSAGE, OVERRIDES, Refusals
from streams.vendors.elevenlabs_websocket import ElevenLabsWebSocket
from streams.vendors.http import open_session
from tests.support.vendor_servers import (
    Json,
    Script,
    ScriptedElevenLabs,
    end_of_turn,
    error,
    metadata,
    part,
    ping,
    response,
    served,
    tool_request,
    tool_response,
)

CONTEXT = CallContext(
    client_name="Ana",
    summary="Le interesa el plan",
    transcript=[("agent", "Hola")],
    dynamic_variables={"plan": "oro"},
    history=[("outbound", "¡Hola Ana!")],
)
QUESTION = Question(conversation_id="conv_1", agent_id="agent_1", text="¿Precio?", user_id="+57313", context=CONTEXT)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_end, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(turn_end, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(turn_end, "TURN_SECONDS", 0.4)
    monkeypatch.setattr(elevenlabs_conversation, "_START_SECONDS", 0.2)
    monkeypatch.setattr(elevenlabs_conversation, "_GREETING_SECONDS", 0.2)


@asynccontextmanager
async def agent(vendor: ScriptedElevenLabs) -> AsyncIterator[ElevenLabsWebSocket]:
    async with served(vendor.handle) as url, open_session(aiohttp.ClientTimeout(total=2.0), 10) as session:
        settings = load_settings({}, elevenlabs_api_base_url=url, elevenlabs_api_key="k")
        yield ElevenLabsWebSocket(ElevenLabsApi(settings, session))


def says(*events: Json, close: int | None = None, reason: bytes = b"") -> Script:
    """Begin, wait for the question, say events, close or wait for the client's close."""

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_json(metadata())
        await _question(socket)
        for event in events:
            await socket.send_json(event)
        await _end(socket, close, reason)

    return script


def refuses(*events: Json, close: int | None, reason: bytes = b"") -> Script:
    """End before the conversation has begun. `close` None: break the connection."""

    async def script(socket: web.WebSocketResponse) -> None:
        for event in events:
            await socket.send_json(event)
        await _end(socket, close or 0, reason)

    return script


async def _question(socket: web.WebSocketResponse) -> None:
    while (await socket.receive_json())["type"] != "user_message":
        pass


async def _end(socket: web.WebSocketResponse, close: int | None, reason: bytes) -> None:
    if close:
        await socket.close(code=close, message=reason)
    elif close == 0:
        transport = socket._req.transport if socket._req else None
        assert transport
        transport.abort()
    else:
        await socket.receive()


ANSWER = (part("start"), part("delta", "Cuesta $99"), response("Cuesta $99"), part("stop"))


async def test_conversation_from_start_to_answer() -> None:
    vendor = ScriptedElevenLabs()

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_json(ping(1))
        await socket.send_json(metadata("conv_text"))
        await vendor.until(socket, "user_message")
        await socket.send_json({"type": "client_tool_call", "client_tool_call": {"tool_name": "x", "tool_call_id": "c1"}})
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
    assert start["conversation_config_override"] == {"conversation": {"text_only": True}, "agent": {"first_message": ""}}
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
        says(response("Un momento."), tool_request("p"), tool_response("p"), response("Cuesta $99"), end_of_turn()),
        "Un momento.\n\nCuesta $99",
        False,
    ),
    ("agent ends", says(response("Adiós"), close=1000), "Adiós", True),
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


# Failures: the error, and how many conversations were tried.
FAILURES: list[tuple[str, Script, type[VendorError], int]] = [
    ("silent", says(), AgentSilent, 2),
    ("silently ended", says(close=1000), AgentSilent, 2),
    ("language model failed", says(error(1002, "llm_timeout"), close=1002), AgentSilent, 2),
    ("only voice tags", says(response("[sighs]"), end_of_turn()), AgentSilent, 2),
    ("cut within an answer", says(part("start"), part("delta", "Cue"), close=0), AgentSilent, 2),
    ("cut within a tool", says(response("Un momento."), tool_request("p"), close=0), RetryableError, 1),
    ("too many", refuses({"type": "queue_status"}, close=3008), RetryableError, 1),
    ("rejected", refuses(close=3000), RetryableError, 1),
    ("missing variable", refuses(error(1008, "missing_dynamic_variable", "name"), close=1008), TerminalError, 1),
    ("not JSON", says([]), RetryableError, 1),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("script", "kind", "tried"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
async def test_failures(script: Script, kind: type[VendorError], tried: int) -> None:
    vendor = ScriptedElevenLabs(script)
    async with agent(vendor) as client:
        with pytest.raises(VendorError) as caught:
            await client.ask(QUESTION)
    assert (type(caught.value), len(vendor.starts)) == (kind, tried)


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


SIGNING: list[tuple[int, Json, type[VendorError]]] = [
    (404, {"detail": {"status": "agent_not_found", "message": "No such agent"}}, TerminalError),
    (422, {"detail": [{"msg": "bad"}]}, TerminalError),
    (401, {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}, RetryableError),
    (429, {"detail": {"status": "system_busy"}}, RetryableError),
    (500, {"detail": "x"}, RetryableError),
    (200, {"other": 1}, RetryableError),
]


@pytest.mark.parametrize(("status", "body", "kind"), SIGNING)
async def test_signed_url_is_refused(status: int, body: Json, kind: type[VendorError]) -> None:
    vendor = ScriptedElevenLabs(says(*ANSWER))
    vendor.signing = status, body
    async with agent(vendor) as client:
        with pytest.raises(kind):
            await client.ask(QUESTION)
    assert not vendor.starts


async def test_key_that_may_not_sign_goes_as_header() -> None:
    vendor = ScriptedElevenLabs(says(*ANSWER))
    vendor.signing = 401, {"detail": {"status": "missing_permissions", "message": "convai_write"}}
    async with agent(vendor) as client:
        assert (await client.ask(QUESTION)).text == "Cuesta $99"
    assert vendor.headers[0]["xi-api-key"] == "k"


async def test_key_does_not_travel_with_a_signed_url() -> None:
    vendor = ScriptedElevenLabs(says(*ANSWER))
    async with agent(vendor) as client:
        await client.ask(QUESTION)
    assert "xi-api-key" not in vendor.headers[0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, RetryableError), (403, TerminalError), (404, TerminalError), (429, RetryableError), (503, RetryableError)],
)
async def test_handshake_is_refused(status: int, kind: type[VendorError]) -> None:
    async def handle(request: web.Request) -> web.Response:
        if request.path.endswith("get-signed-url"):
            return web.json_response({"signed_url": f"ws://{request.host}/socket"})
        return web.Response(status=status)

    async with served(handle) as url, open_session(aiohttp.ClientTimeout(total=2.0), 10) as session:
        settings = load_settings({}, elevenlabs_api_base_url=url, elevenlabs_api_key="k")
        with pytest.raises(kind):
            await ElevenLabsWebSocket(ElevenLabsApi(settings, session)).ask(QUESTION)


async def test_answer_does_not_wait_for_a_slow_close() -> None:
    let_go = asyncio.Event()

    async def stubborn(socket: web.WebSocketResponse) -> None:
        await socket.send_json(metadata())
        await _question(socket)
        await socket.send_json(response("Sí"))
        await socket.send_json(end_of_turn())
        await let_go.wait()

    async with agent(ScriptedElevenLabs(stubborn)) as client:
        async with asyncio.timeout(2.0):
            assert (await client.ask(QUESTION)).text == "Sí"
        let_go.set()
