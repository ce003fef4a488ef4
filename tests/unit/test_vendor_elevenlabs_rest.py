"""The specified message route, the look-up of calls, and switching from one transport to the other."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from clients.agent import Agent, AgentReply, CallContext, Question
from clients.elevenlabs.agent import AutoAgent, BoundedAgent
from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.calls import ElevenLabsCalls
from clients.elevenlabs.context_text import context_text, variables
from clients.elevenlabs.errors import Forbidden, NotThere
from clients.elevenlabs.rest import ElevenLabsRest, RestNotSupported
from clients.http import CREDENTIALS_PAUSE_SECONDS, open_session
from rules.message_text import to_whatsapp
from schemas.elevenlabs_call import details
from schemas.errors import AccountRefused, RetryableError, TerminalError, VendorError
from schemas.settings import load_settings
from tests.support.vendor_servers import Json, served

# Nothing here hangs; a machine that is busy is no time-out.
PATIENT = aiohttp.ClientTimeout(total=60.0)
QUESTION = Question(conversation_id="conv_1", agent_id="agent_1", text="¿Precio?", user_id="+573138539155")
REPLY = AgentReply(text="Sí", raw={}, transport="fake")


@asynccontextmanager
async def api(handler: Callable[[web.Request], Any]) -> AsyncIterator[ElevenLabsApi]:
    async with served(handler) as url, open_session(PATIENT, 10) as session:
        yield ElevenLabsApi(load_settings({}, elevenlabs_api_base_url=url, elevenlabs_api_key="k"), session)


def answering(status: int, body: object) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body))

    return handle


async def test_ask_as_specified() -> None:
    async def handle(request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("POST", "/v1/convai/conversations/conv_1/message")
        assert request.headers["xi-api-key"] == "k"
        assert await request.json() == {"message": "¿Precio?", "mode": "text"}
        return web.json_response({"response": "Cuesta $99", "more": 1})

    async with api(handle) as client:
        reply = await ElevenLabsRest(client, to_whatsapp).ask(QUESTION)
    assert (reply.text, reply.transport, reply.ended) == ("Cuesta $99", "rest", False)
    assert reply.raw == {"response": "Cuesta $99", "more": 1}
    assert reply.elevenlabs_conversation_id == "conv_1"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"response": "a", "message": "b"}, "a"),
        ({"response": "", "message": "b", "text": "c"}, "b"),
        ({"response": " \n", "message": None, "text": "c"}, "c"),
        ({"response": {"text": "x"}, "message": 5, "agent_response": "d"}, "d"),
    ],
)
async def test_text_is_the_first_string_that_is_not_empty(body: Json, text: str) -> None:
    async with api(answering(200, body)) as client:
        assert (await ElevenLabsRest(client, to_whatsapp).ask(QUESTION)).text == text


ERRORS: list[tuple[int, object, type[VendorError]]] = [
    (404, {"detail": "Not Found"}, RestNotSupported),
    (405, "", RestNotSupported),
    (401, {"detail": {"status": "invalid_api_key", "message": "Invalid API key"}}, AccountRefused),
    (401, {"detail": {"status": "quota_exceeded", "message": "No credits"}}, AccountRefused),
    (402, "", AccountRefused),
    (401, {"detail": {"status": "missing_permissions", "message": "m"}}, Forbidden),
    (403, "", Forbidden),
    (422, {"detail": [{"loc": ["path"], "msg": "bad id", "type": "t"}]}, TerminalError),
    (409, "", RetryableError),
    (429, {"detail": {"status": "too_many_concurrent_requests"}}, RetryableError),
    (500, "", RetryableError),
    (302, "", RetryableError),
    (200, "<html>", RetryableError),
    (200, [], RetryableError),
    (200, {}, RetryableError),
    (200, {"response": "[happy] "}, RetryableError),
]


@pytest.mark.parametrize(("status", "body", "error"), ERRORS)
async def test_refusals(status: int, body: object, error: type[VendorError]) -> None:
    async with api(answering(status, body)) as client:
        with pytest.raises(VendorError) as caught:
            await ElevenLabsRest(client, to_whatsapp).ask(QUESTION)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"detail": {"status": "quota_exceeded", "message": "No credits"}}, "No credits"),
        ({"detail": {"status": "quota_exceeded"}}, "quota_exceeded"),
        ({"detail": "plain"}, "plain"),
        ({"detail": [{"msg": "of FastAPI"}]}, "of FastAPI"),
        ({"detail": []}, "HTTP 401"),
        ("", "HTTP 401"),
    ],
)
async def test_refused_key_waits_and_says_why(body: object, why: str) -> None:
    async with api(answering(401, body)) as client:
        with pytest.raises(RetryableError) as caught:
            await client.get("/")
    assert (caught.value.why, caught.value.retry_after) == (why, CREDENTIALS_PAUSE_SECONDS)


async def test_without_a_call_there_is_no_route() -> None:
    async with api(answering(200, {"response": "x"})) as client:
        with pytest.raises(RestNotSupported):
            await ElevenLabsRest(client, to_whatsapp).ask(
                Question(conversation_id="", agent_id="a", text="t", user_id="u")
            )


CALL: Json = {
    "status": "done",
    "agent_name": "Ana",
    "transcript": [
        {"role": "agent", "message": "Hola"},
        {"role": "agent", "message": None, "tool_calls": []},
        {"role": "user", "message": " Sí "},
        "odd",
    ],
    "metadata": {"call_duration_secs": 22},
    "analysis": {"transcript_summary": "Le interesa"},
    "conversation_initiation_client_data": {
        "dynamic_variables": {"plan": "oro", "n": 3, "system__x": 1, "o": {}, "z": None}
    },
}


async def test_fetch_call() -> None:
    async with api(answering(200, CALL)) as client:
        found = await ElevenLabsCalls(client).fetch_call("conv_1")
    assert found
    assert (found.summary, found.duration_secs, found.status, found.agent_name) == (
        "Le interesa",
        22,
        "done",
        "Ana",
    )
    assert found.transcript == [("agent", "Hola"), ("user", "Sí")]
    assert found.dynamic_variables == {"plan": "oro", "n": 3}


@pytest.mark.parametrize("status", [404, 405, 400, 403, 422])
async def test_fetch_call_that_is_not_to_be_had(status: int) -> None:
    async with api(answering(status, {"detail": "x"})) as client:
        assert await ElevenLabsCalls(client).fetch_call("conv_1") is None


@pytest.mark.parametrize(("status", "body"), [(500, ""), (429, ""), (401, ""), (200, "<html>")])
async def test_fetch_call_may_be_tried_again(status: int, body: str) -> None:
    async with api(answering(status, body)) as client:
        with pytest.raises(RetryableError):
            await ElevenLabsCalls(client).fetch_call("conv_1")


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        ({"status": "processing"}, False),
        ({"status": "in-progress", "transcript": []}, False),
        ({"status": "processing", "transcript": [{"role": "user", "message": "Sí"}]}, True),
        (
            {"status": "done", "transcript": []},
            True,
        ),  # nothing is retained: its variables and duration still count
        ({"status": "failed", "analysis": None, "metadata": None, "transcript": None}, True),
        ({"status": 5, "metadata": {"call_duration_secs": "x"}, "transcript": {}, "analysis": []}, True),
    ],
)
def test_what_is_known_of_a_call(answer: Json, known: bool) -> None:
    assert (details(answer) is not None) is known


class Fake:
    """An agent that answers with a reply or an error, and counts."""

    def __init__(self, *outcomes: AgentReply | Exception) -> None:
        self.outcomes = list(outcomes)
        self.asked = 0
        self.prepared = 0

    def prepare(self, agent_id: str) -> None:
        self.prepared += 1

    async def ask(self, question: Question) -> AgentReply:
        outcome = self.outcomes[min(self.asked, len(self.outcomes) - 1)]
        self.asked += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


MISSING = RestNotSupported("elevenlabs", "not found", 404)


async def test_auto_remembers_that_there_is_no_route() -> None:
    rest, websocket = Fake(MISSING), Fake(REPLY)
    auto = AutoAgent(rest, websocket)
    for _ in range(3):
        assert await auto.ask(QUESTION) is REPLY
    assert (rest.asked, websocket.asked) == (1, 3)


async def test_auto_keeps_a_route_that_has_worked() -> None:
    rest, websocket = Fake(REPLY, MISSING, REPLY), Fake(REPLY)
    auto = AutoAgent(rest, websocket)
    for _ in range(3):
        await auto.ask(QUESTION)
    assert (rest.asked, websocket.asked) == (3, 1)


async def test_auto_does_not_go_over_for_a_passing_failure() -> None:
    auto = AutoAgent(Fake(RetryableError("elevenlabs", "busy", 429)), websocket := Fake(REPLY))
    with pytest.raises(RetryableError):
        await auto.ask(QUESTION)
    assert websocket.asked == 0


async def test_auto_without_a_call_uses_the_websocket() -> None:
    auto: Agent = AutoAgent(rest := Fake(REPLY), Fake(REPLY))
    await auto.ask(Question(conversation_id="", agent_id="a", text="t", user_id="u"))
    assert rest.asked == 0


async def test_auto_prepares_the_websocket_until_the_route_has_worked() -> None:
    auto = AutoAgent(Fake(REPLY), websocket := Fake(REPLY))
    auto.prepare("a")
    await auto.ask(QUESTION)
    auto.prepare("a")
    assert websocket.prepared == 1


async def test_bounded_gives_its_place_back_after_a_failure() -> None:
    agent = BoundedAgent(Fake(NotThere("elevenlabs", "x"), REPLY), 1)
    with pytest.raises(NotThere):
        await agent.ask(QUESTION)
    assert await agent.ask(QUESTION) is REPLY


def test_context_keeps_the_newest() -> None:
    history = [("inbound", f"mensaje {n} " + "x" * 90) for n in range(100)]
    call = [("agent", "Hola")]
    text = context_text(
        CallContext(client_name="Ana", summary="Le interesa", transcript=call, history=history)
    )
    assert (
        "Cliente: Ana\nResumen de la llamada: Le interesa\nTranscripción de la llamada:\nAgente: Hola\n"
        in text
    )
    assert "mensaje 99 " in text
    assert "mensaje 10 " not in text
    assert len(text) < 9_000


def test_context_keeps_the_end_of_one_endless_message() -> None:
    text = context_text(CallContext(history=[("inbound", "a" * 9_000 + "final")]))
    assert text.endswith("final")
    assert len(text) < 5_000


def test_variables_repeat_the_calls_own() -> None:
    own = {"plan": "oro", "system__time": "x", "o": [1], "z": None}
    given = variables(CallContext(client_name="Ana", dynamic_variables=own))
    assert given == {
        "plan": "oro",
        "channel": "whatsapp",
        "customer_name": "Ana",
        "previous_summary": "",
        "previous_transcript": "",
    }
