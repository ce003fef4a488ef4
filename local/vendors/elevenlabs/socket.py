"""The conversations' WebSocket: who may begin, with which overrides and variables, and when there is room."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from local.vendors.elevenlabs.session import Session, fail
from local.vendors.elevenlabs.settings import AgentSettings
from local.vendors.elevenlabs.simulator import ElevenLabsSimulator

Json = dict[str, Any]
_START = "conversation_initiation_client_data"
_FIRST_SECONDS = 30.0
_TOO_MANY = 3008


async def conversation_socket(simulator: ElevenLabsSimulator, request: web.Request) -> web.StreamResponse:
    """Serve one conversation."""
    if answer := await simulator.trouble.answer(request, "socket"):
        return answer
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    agent = simulator.agent(request.query.get("agent_id", ""))
    allowed, conversation_id = _authorized(simulator, request, agent)
    if agent is None or not allowed:
        await fail(socket, 1008, "unauthorized", "Could not find or authorize the agent")
        return socket
    start = await _first(socket)
    if start is not None and not await _refused(simulator, socket, agent, start):
        await _converse(
            simulator, request, socket, agent, start, conversation_id or f"conv_{secrets.token_hex(14)}"
        )
    return socket


def _authorized(
    simulator: ElevenLabsSimulator, request: web.Request, agent: AgentSettings | None
) -> tuple[bool, str]:
    """Return whether the conversation may begin, and its id if the signed URL fixed one."""
    if token := request.query.get("conversation_signature"):
        used = simulator.signatures.use(token, request.query.get("agent_id", ""))
        return used is not None, used.conversation_id if used else ""
    key = request.headers.get("xi-api-key", "")
    right = secrets.compare_digest(key, simulator.api_key)
    return right or not (key or (agent and agent.private)), ""


async def _first(socket: web.WebSocketResponse) -> Json | None:
    """Return the first event, which must be the start."""
    try:
        async with asyncio.timeout(_FIRST_SECONDS):
            message = await socket.receive()
    except TimeoutError:
        message = None
    if message is None or message.type is not WSMsgType.TEXT:
        await socket.close(code=1002)
        return None
    start: Json = message.json()
    if start.get("type") != _START:
        await fail(socket, 1008, "invalid_message", f"The first message must be {_START}")
        return None
    return start


async def _refused(
    simulator: ElevenLabsSimulator, socket: web.WebSocketResponse, agent: AgentSettings, start: Json
) -> bool:
    """Close a conversation that may not begin with this start; return whether it was closed."""
    for kind in simulator.faults.of_stage("start"):
        if simulator.faults.fires(f"start-{kind}"):
            await _play_start(socket, kind)
            return True
    overrides = start.get("conversation_config_override") or {}
    forbidden = agent.forbidden(overrides)
    if forbidden is None and overrides and simulator.faults.fires("override-refused"):
        forbidden = "agent.first_message"
    if forbidden:
        name = forbidden.rpartition(".")[2]
        await fail(socket, 1008, "override_error", f"Override for field '{name}' is not allowed by config.")
        return True
    if missing := sorted(set(agent.required) - set(start.get("dynamic_variables") or {})):
        await fail(socket, 1008, "missing_dynamic_variable", f"Missing required dynamic variables: {missing}")
        return True
    return False


async def _play_start(socket: web.WebSocketResponse, kind: str) -> None:
    """Play a fault: `start-3000` and the like close with that code; `start-silent` says nothing.

    In the latter case it waits until the client goes.
    """
    if kind == "silent":
        await socket.receive()
    else:
        await socket.close(code=int(kind))


async def _converse(
    simulator: ElevenLabsSimulator,
    request: web.Request,
    socket: web.WebSocketResponse,
    agent: AgentSettings,
    start: Json,
    conversation_id: str,
) -> None:
    async with _place(simulator, socket) as admitted:
        if admitted:
            await Session(simulator, request, socket, agent).run(start, conversation_id)
        else:
            await socket.close(code=_TOO_MANY, message=b"Too many concurrent connections")


@asynccontextmanager
async def _place(simulator: ElevenLabsSimulator, socket: web.WebSocketResponse) -> AsyncIterator[bool]:
    """Wait for a place within the workspace's concurrency limit; yield False if none became free in time."""
    admitted = await _admitted(simulator, socket)
    simulator.running += admitted
    try:
        yield admitted
    finally:
        simulator.running -= admitted
        async with simulator.place_free:
            simulator.place_free.notify()


async def _admitted(simulator: ElevenLabsSimulator, socket: web.WebSocketResponse) -> bool:
    def free() -> bool:
        most = simulator.behaviour.max_concurrency
        return most == 0 or simulator.running < most

    full = simulator.faults.fires("queue-timeout")
    if free() and not full:
        return True
    await _queue_status(socket, "waiting")
    admitted = not full and await _waited(simulator, free)
    await _queue_status(socket, "admitted" if admitted else "timed_out")
    return admitted


async def _waited(simulator: ElevenLabsSimulator, free: Callable[[], bool]) -> bool:
    try:
        async with asyncio.timeout(simulator.behaviour.queue_seconds), simulator.place_free:
            return await simulator.place_free.wait_for(free)
    except TimeoutError:
        return False


async def _queue_status(socket: web.WebSocketResponse, status: str) -> None:
    await socket.send_json({"type": "queue_status", "queue_status_event": {"status": status}})
