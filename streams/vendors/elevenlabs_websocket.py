"""ElevenLabs as its public API really is: a text-only conversation with the same agent over a WebSocket.

A finished call cannot be continued, so each turn opens a new conversation, tells it the call and the chat so far, asks,
collects the answer and closes: a socket without input is cut after 60 s, and clients take minutes.
"""

import asyncio
from typing import Any

import aiohttp

from schemas.errors import RetryableError, TerminalError
from schemas.settings import Settings
from streams.vendors.agent import AgentReply, Question
from streams.vendors.context_text import context_text, variables
from streams.vendors.http import BROKE_OFF
from streams.vendors.turn_end import QUIET_SECONDS, TurnEnd

Json = dict[str, Any]

_VENDOR = "elevenlabs"
_START_SECONDS = 10.0
_TURN_SECONDS = 30.0
"""The vendor itself ends a turn after 20 s (llm_timeout)."""
_CONTRACT_BROKEN = 1008
_OVERRIDES: Json = {"conversation": {"text_only": True}, "agent": {"first_message": ""}}


class ElevenLabsWebSocket:
    """One workspace's text conversations."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._base = f"{settings.elevenlabs_api_base_url.rstrip('/')}/v1/convai/conversation"
        self._headers = {"xi-api-key": settings.elevenlabs_api_key or ""}
        self._session = session

    async def ask(self, question: Question) -> AgentReply:
        """Ask in a conversation of its own; see `Agent`. Overrides that are not allowed are done without."""
        try:
            return await self._converse(question, _OVERRIDES)
        except _OverrideRefused:
            return await self._converse(question, {})

    async def _converse(self, question: Question, overrides: Json) -> AgentReply:
        try:
            async with self._session.ws_connect(await self._signed_url(question.agent_id)) as socket:
                return await _Conversation(socket, question, overrides).run()
        except TimeoutError as error:
            raise RetryableError(_VENDOR, "the agent stayed silent") from error
        except (*BROKE_OFF, KeyError, TypeError, ValueError) as error:
            raise RetryableError(_VENDOR, f"broke off: {type(error).__name__}") from error

    async def _signed_url(self, agent_id: str) -> str:
        url = f"{self._base}/get-signed-url"
        async with self._session.get(url, params={"agent_id": agent_id}, headers=self._headers) as response:
            if response.status in (400, 403, 404, 422):
                raise TerminalError(_VENDOR, "the agent cannot be used", response.status)
            if response.status != 200:
                raise RetryableError(_VENDOR, "no signed URL", response.status)
            return str((await response.json())["signed_url"])


class _OverrideRefused(TerminalError):
    """The agent's settings do not allow our overrides."""


class _Conversation:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse, question: Question, overrides: Json) -> None:
        self._socket = socket
        self._question = question
        self._overrides = overrides
        self._turn = TurnEnd()
        self._conversation_id: str | None = None

    async def run(self) -> AgentReply:
        await self._start()
        if not self._overrides:
            await self._skip_first_message()
        await self._socket.send_json({"type": "user_message", "text": self._question.text})
        ended = await self._collect()
        if not self._turn.text:
            raise RetryableError(_VENDOR, "ended without an answer", self._socket.close_code)
        raw = {"conversation_id": self._conversation_id, "messages": self._turn.texts}
        return AgentReply(text=self._turn.text, raw=raw, transport="websocket", ended=ended)

    async def _start(self) -> None:
        start: Json = {"type": "conversation_initiation_client_data", "user_id": self._question.user_id}
        start["dynamic_variables"] = variables(self._question.context)
        if self._overrides:
            start["conversation_config_override"] = self._overrides
        await self._socket.send_json(start)
        async with asyncio.timeout(_START_SECONDS):
            while self._conversation_id is None:
                event = await self._receive()
                if event is None:
                    raise RetryableError(_VENDOR, "closed at the start", self._socket.close_code)
                if event.get("type") == "conversation_initiation_metadata":
                    metadata = event["conversation_initiation_metadata_event"]
                    self._conversation_id = str(metadata["conversation_id"])
        context = {"type": "contextual_update", "text": context_text(self._question.context), "context_id": "history"}
        await self._socket.send_json(context)

    async def _skip_first_message(self) -> None:
        """Without the override the agent greets as in a call; that greeting is not an answer."""
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                while (event := await self._receive()) is not None and event.get("type") != "agent_response":
                    pass
        except TimeoutError:
            return

    async def _collect(self) -> bool:
        """Collect until the turn is complete; True when the agent ended the conversation with it."""
        deadline = asyncio.get_running_loop().time() + _TURN_SECONDS
        quiet_since = asyncio.get_running_loop().time()
        while not self._turn.complete:
            end = min(deadline, quiet_since + QUIET_SECONDS) if self._turn.quiet_ends() else deadline
            try:
                async with asyncio.timeout_at(end):
                    event = await self._receive()
            except TimeoutError:
                return False
            if event is None:
                return True
            if self._turn.feed(event):
                quiet_since = asyncio.get_running_loop().time()
        return False

    async def _receive(self) -> Json | None:
        """Give the next event; None when the conversation is closed. Pings and client tools are answered here."""
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            if self._socket.close_code == _CONTRACT_BROKEN and self._overrides and not self._turn.text:
                raise _OverrideRefused(_VENDOR, "an override or variable is refused", _CONTRACT_BROKEN)
            return None
        event: Json = message.json()
        if event.get("type") == "ping":
            await self._socket.send_json({"type": "pong", "event_id": event["ping_event"]["event_id"]})
        if event.get("type") == "client_tool_call":
            await self._socket.send_json(_unknown_tool(event["client_tool_call"]))
        return event


def _unknown_tool(call: Json) -> Json:
    result = f"Tool '{call['tool_name']}' is not available in a text conversation"
    return {"type": "client_tool_result", "tool_call_id": call["tool_call_id"], "result": result, "is_error": True}
