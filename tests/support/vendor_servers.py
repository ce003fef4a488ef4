"""Small stand-ins for vendors that misbehave in exact ways, as the simulators do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Script = Callable[[web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    """Serve every path with one handler; yield the base URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def raw_served(answers: list[bytes | None]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve raw HTTP; yield URL and requests. Each gets the next answer; None closes without one."""
    requests: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                requests.append(head + await reader.readexactly(_length(head)))
                answer = answers[len(requests) - 1]
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests
    finally:
        server.close()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)


class ScriptedElevenLabs:
    """A vendor that signs URLs and keeps what it is told.

    It plays one script a conversation, the last one again and again.
    """

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self.signing: tuple[int, Json] = (200, {})
        self.starts: list[Json] = []
        self.heard: list[Json] = []
        self.headers: list[dict[str, str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("get-signed-url"):
            status, body = self.signing
            signed = {"signed_url": f"ws://{request.host}/v1/convai/conversation?conversation_signature=x"}
            return web.json_response(body or signed, status=status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.headers.append(dict(request.headers))
        self.starts.append(await socket.receive_json())
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        await script(socket)
        return socket

    async def until(self, socket: web.WebSocketResponse, kind: str) -> Json:
        """Listen until an event of a kind comes."""
        while True:
            event: Json = await socket.receive_json()
            self.heard.append(event)
            if event["type"] == kind:
                return event


def metadata(identity: str = "conv_text") -> Json:
    event = {"conversation_id": identity}
    return {"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": event}


def response(text: str, event_id: int = 2) -> Json:
    return {"type": "agent_response", "agent_response_event": {"agent_response": text, "event_id": event_id}}


def part(kind: str, text: str = "") -> Json:
    return {
        "type": "agent_chat_response_part",
        "text_response_part": {"type": kind, "text": text, "event_id": 2},
    }


def tool_request(name: str, identity: str = "t1") -> Json:
    call = {"tool_name": name, "tool_call_id": identity, "tool_type": "system", "event_id": 2}
    return {"type": "agent_tool_request", "agent_tool_request": call}


def tool_response(name: str, identity: str = "t1", *, is_error: bool = False) -> Json:
    call = {"tool_name": name, "tool_call_id": identity, "is_error": is_error, "event_id": 2}
    return {"type": "agent_tool_response", "agent_tool_response": call}


def end_of_turn() -> Json:
    return {"type": "agent_response_complete", "agent_response_complete_event": {"event_id": 2}}


def error(code: int, kind: str, message: str = "") -> Json:
    return {"type": "error", "error_event": {"code": code, "error_type": kind, "message": message}}


def ping(event_id: int = 7) -> Json:
    return {"type": "ping", "ping_event": {"event_id": event_id, "ping_ms": None}}
