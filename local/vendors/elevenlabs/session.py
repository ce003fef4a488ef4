"""One text conversation over an open socket: what the client says, and the turns that answer it."""

import asyncio
import json
from collections import defaultdict
from typing import Any

from aiohttp import WSMsgType, web

from local.vendors.elevenlabs.calls import Call
from local.vendors.elevenlabs.errors import OUT_OF_CREDITS
from local.vendors.elevenlabs.greeting import (
    FIRST_EVENT,
    begins_with_greeting,
    greeting_within,
    with_greeting_behind,
)
from local.vendors.elevenlabs.memory import remember
from local.vendors.elevenlabs.settings import AgentSettings
from local.vendors.elevenlabs.simulator import ElevenLabsSimulator
from local.vendors.elevenlabs.turns import ALWAYS_SENT, AwaitTool, Close, Send, TurnPlan, response, steps

Json = dict[str, Any]


class Session:
    """One conversation, starting with the metadata. It runs once."""

    def __init__(
        self,
        simulator: ElevenLabsSimulator,
        request: web.Request,
        socket: web.WebSocketResponse,
        agent: AgentSettings,
    ) -> None:
        self._simulator = simulator
        self._request = request
        self._socket = socket
        self._agent = agent
        self._context: dict[str, str] = {}
        self._turn: asyncio.Task[None] | None = None
        self._tools: dict[str, asyncio.Future[Json]] = defaultdict(asyncio.get_running_loop().create_future)
        self._event_id = FIRST_EVENT
        self._events = frozenset(agent.client_events) | ALWAYS_SENT
        self._start: Json = {}

    async def run(self, start: Json, conversation_id: str) -> None:
        """Hold the conversation until one side ends it."""
        self._start = start
        variables = start.get("dynamic_variables") or {}
        self._call = Call(
            conversation_id=conversation_id,
            agent_id=self._agent.agent_id,
            user_id=start.get("user_id"),
            duration=0,
            summary=None,
            text_only=True,
            dynamic_variables=variables,
            transcript=[],
        )
        self._simulator.calls[conversation_id] = self._call
        await self._greet()
        pings = asyncio.create_task(self._ping(), name="pings")
        try:
            async with asyncio.timeout(self._agent.max_duration_seconds):
                await self._listen()
        except TimeoutError:
            await self._socket.close(code=1000, message=b"Max duration reached")
        except ConnectionError:
            pass  # the client is gone
        finally:
            pings.cancel()
            if self._turn:
                self._turn.cancel()
            self._simulator.ended(self._call)

    async def _greet(self) -> None:
        formats = {"agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000"}
        metadata = {"conversation_id": self._call.conversation_id, **formats}
        await self._send(
            {"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": metadata}
        )
        overridden = (self._start.get("conversation_config_override") or {}).get("agent") or {}
        greeting = overridden.get("first_message") or self._agent.first_message
        is_overridden = overridden.get("first_message") == ""
        if greeting and begins_with_greeting(self._simulator.behaviour.greets, is_overridden=is_overridden):
            self._call.transcript.append(("agent", greeting))
            await self._send(response(greeting, FIRST_EVENT))

    async def _ping(self) -> None:
        number = 1
        while not self._socket.closed:
            await self._socket.send_json(
                {"type": "ping", "ping_event": {"event_id": number, "ping_ms": None}}
            )
            await asyncio.sleep(self._simulator.behaviour.ping_seconds)
            number += 1

    async def _listen(self) -> None:
        while not self._socket.closed:
            try:
                async with asyncio.timeout(self._simulator.behaviour.idle_seconds):
                    message = await self._socket.receive()
            except TimeoutError:
                await self.fail(1002, "transport_receive_timeout", "No user input received")
                return
            if message.type is not WSMsgType.TEXT:
                return
            await self._hear(message.json())

    async def _hear(self, event: Json) -> None:
        match event.get("type"):
            case "contextual_update":
                self._context[event.get("context_id", str(len(self._context)))] = event["text"]
            case "user_message":
                previous, self._turn = self._turn, None
                self._turn = asyncio.create_task(self._answer(event["text"], previous), name="turn")
            case "client_tool_result":
                self._tools[event["tool_call_id"]].set_result(event)
            case "pong" | "user_activity" | "feedback" | "mcp_tool_approval_result":
                pass
            case kind:
                await self.fail(1008, "invalid_message", f"Unknown message type {kind}")

    async def _answer(self, text: str, previous: asyncio.Task[None] | None) -> None:
        if previous:
            await asyncio.wait([previous])
        self._call.transcript.append(("user", text))
        for said in greeting_within(
            self._simulator.behaviour.greets, self._agent.first_message, self._events
        ):
            await self._send(said.event)
        if self._simulator.faults.fires("silent"):
            await asyncio.sleep(self._simulator.behaviour.llm_seconds)
            await self.fail(1002, "llm_timeout", "The LLM did not answer in time")
            return
        context, variables = "\n".join(self._context.values()), self._start.get("dynamic_variables") or {}
        entry = {
            "who": self._start.get("user_id") or self._call.conversation_id,
            "text": text,
            "context": context,
            "conversation_id": self._call.conversation_id,
            "agent_id": self._agent.agent_id,
            "variables": variables,
            "overrides": self._start.get("conversation_config_override"),
            "transport": "websocket",
        }
        if self._simulator.is_out_of_credits and self._simulator.behaviour.out_of_credits == "event":
            await self._fail_without_credits()
            return
        reply = await self._simulator.think(entry, remember(context, variables))
        if self._simulator.is_out_of_credits:
            await self._send(response(reply[: len(reply) // 2], self._event_id + 1))
            await self._fail_without_credits()
            return
        self._simulator.pay()
        await self._play(text, reply)

    async def _play(self, text: str, reply: str) -> None:
        faults, behaviour = self._simulator.faults, self._simulator.behaviour
        if faults.fires("cut"):
            await self._socket.close(code=1002)
            return
        if faults.fires("bad-event"):
            await self._socket.send_str('{"type": "agent_resp')
            return
        self._event_id += 1
        tool = next((tool for word, tool in behaviour.tools.items() if word in text.lower()), "")
        plan = TurnPlan(
            reply=reply,
            event_id=self._event_id,
            shape=behaviour.turn,
            tool=tool,
            system=tool in behaviour.system_tools,
            events=self._events,
        )
        self._call.transcript.append(("agent", reply))
        for step in with_greeting_behind(behaviour.greets, self._agent.first_message, steps(plan)):
            match step:
                case Send(event):
                    await self._send(event)
                case AwaitTool(tool_call_id):
                    await self._tools[tool_call_id]
                    del self._tools[tool_call_id]
                case Close(None):
                    await self._cut()
                case Close(code, reason):
                    await self._socket.close(code=code or 1000, message=reason.encode())

    async def _fail_without_credits(self) -> None:
        """Send a flat event, then close as if the conversation had ended normally."""
        await self._send({"type": "error", "message": OUT_OF_CREDITS})
        await self._socket.close(code=1000)

    async def _cut(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _send(self, event: Json) -> None:
        if not self._socket.closed:
            await self._socket.send_str(json.dumps(event, ensure_ascii=False))

    async def fail(self, code: int, kind: str, why: str) -> None:
        """Send the error and close."""
        await fail(self._socket, code, kind, why)


async def fail(socket: web.WebSocketResponse, code: int, kind: str, why: str) -> None:
    """Send the `error` event and close with its code."""
    await socket.send_json(
        {"type": "error", "error_event": {"code": code, "error_type": kind, "message": why}}
    )
    await socket.close(code=code, message=why.encode())
