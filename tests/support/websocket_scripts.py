"""Scripts for the vendor's side of a text conversation, and our client on the other side."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from clients.agent import CallContext, Question
from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.turn_end import Waits
from clients.elevenlabs.websocket import ElevenLabsWebSocket
from clients.http import open_session
from rules.message_text import to_whatsapp
from schemas.settings import load_settings
from tests.support.vendor_servers import Json, Script, ScriptedElevenLabs, metadata, part, response, served

CONTEXT = CallContext(
    client_name="Ana",
    summary="Le interesa el plan",
    transcript=[("agent", "Hola")],
    dynamic_variables={"plan": "oro"},
    history=[("outbound", "¡Hola Ana!")],
)
QUESTION = Question(
    conversation_id="conv_1", agent_id="agent_1", text="¿Precio?", user_id="+57313", context=CONTEXT
)
ANSWER = (part("start"), part("delta", "Cuesta $99"), response("Cuesta $99"), part("stop"))


SHORT = Waits(start=0.2, greeting=0.2, quiet=0.05, silent=0.2, turn=0.4)
"""Waits that end soon, because what is waited for does not come."""


@asynccontextmanager
async def agent(vendor: ScriptedElevenLabs) -> AsyncIterator[ElevenLabsWebSocket]:
    """Open a client of a vendor that plays its scripts."""
    async with served(vendor.handle) as url, open_session(aiohttp.ClientTimeout(total=2.0), 10) as session:
        settings = load_settings({}, elevenlabs_api_base_url=url, elevenlabs_api_key="k")
        yield ElevenLabsWebSocket(ElevenLabsApi(settings, session), to_whatsapp, SHORT)


def says(*events: Json, close: int | None = None, reason: bytes = b"") -> Script:
    """Script: begin, wait for the question, send events, then close or wait for the client's close."""

    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_json(metadata())
        await until_asked(socket)
        for event in events:
            await socket.send_json(event)
        await _end(socket, close, reason)

    return script


def refuses(*events: Json, close: int | None, reason: bytes = b"") -> Script:
    """Script: end before the conversation has begun. `close` None: break the connection."""

    async def script(socket: web.WebSocketResponse) -> None:
        for event in events:
            await socket.send_json(event)
        await _end(socket, close or 0, reason)

    return script


async def until_asked(socket: web.WebSocketResponse) -> None:
    """Wait until the client has asked."""
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
