"""ElevenLabs as its public API really is: a text-only conversation with the same agent over a WebSocket.

A finished call cannot be continued, so each turn opens a new conversation, tells it about the call
and the chat so far, asks, collects the answer and closes: a socket without input is cut after 60 s,
and clients take minutes.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Literal
from urllib.parse import quote

import aiohttp
import structlog

from clients.agent import AgentReply, Question
from clients.elevenlabs.agent_settings import is_greeting
from clients.elevenlabs.api import BEGIN_SECONDS, ElevenLabsApi
from clients.elevenlabs.conversation import Conversation
from clients.elevenlabs.errors import VENDOR, refused
from clients.elevenlabs.events import (
    LOST_CLOSE,
    REFUSED_CLOSE,
    AgentSilent,
    AnswerBrokenOff,
    NeverAnswered,
    OverrideRefused,
)
from clients.elevenlabs.overrides import Refusals, refused_names
from clients.elevenlabs.signed_urls import Address, SignedUrls
from clients.elevenlabs.turn_end import Waits
from clients.http import BROKE_OFF
from schemas.errors import RetryableError, VendorError

log = structlog.get_logger()

# Handshake 5 s at worst, start 10 s, turn 30 s, and writes that stall: more is a broken connection.
_WHOLE_SECONDS = 55.0
# We wait no longer for the peer's close frame: the client waits for the answer, which we already have.
_CLOSE_SECONDS = 0.5
# How many of a question's conversations may stay silent: the second one makes up for a flaky start.
_MOST_SILENT = 2
# … or end in the middle of the answer: if it happens three times in a row, the agent is made that way.
_MOST_BROKEN_OFF = 3
# The client waits meanwhile; a healthy vendor answers within a tenth of it.
_SETTINGS_SECONDS = 3.0
_WAITS = Waits()


class _NotBegun(Exception):
    """A conversation ended before it began. `why`: the reason."""

    def __init__(self, why: VendorError) -> None:
        super().__init__(str(why))
        self.why = why


class ElevenLabsWebSocket:
    """One workspace's text conversations."""

    def __init__(
        self, api: ElevenLabsApi, shown: Callable[[str], str] = str.strip, waits: Waits = _WAITS
    ) -> None:
        """`shown`: what a client gets to see of an answer; if nothing is left of it, it counts as silence."""
        self._api = api
        self._urls = SignedUrls(api)
        self._shown = shown
        self._waits = waits
        self._refusals = Refusals(time.monotonic)

    async def ask(self, question: Question) -> AgentReply:
        """Ask in a new conversation; see `Agent`.

        Silence is retried once on a fresh socket (packages#423), an answer cleanly broken off a few times.

        Raises:
            NeverAnswered: the answer was broken off each time.
        """
        self.prepare(question.agent_id)
        question = await question.with_context()
        tries = {AgentSilent: _MOST_SILENT, AnswerBrokenOff: _MOST_BROKEN_OFF}
        while True:
            try:
                return await self._ask(question)
            except (AgentSilent, AnswerBrokenOff) as error:
                tries[type(error)] -= 1
                if tries[type(error)]:
                    log.info("the agent gave no answer and is asked again", code=error.code, why=error.why)
                elif isinstance(error, AnswerBrokenOff):
                    raise NeverAnswered(VENDOR, error.why, error.code) from error
                else:
                    raise

    def prepare(self, agent_id: str) -> None:
        """Have the agent's signed URL fetched."""
        self._urls.prepare(agent_id)

    async def _ask(self, question: Question) -> AgentReply:
        """Ask with the overrides that the agent allows; with ever fewer as it turns out to refuse them."""
        agent_id = question.agent_id
        overrides, asked_at = self._refusals.allowed(agent_id), time.monotonic()
        said, unsaid = frozenset[str](), frozenset[str]()
        while True:
            try:
                reply = await self._converse(question, overrides, asked_at)
            except OverrideRefused as error:
                refused = refused_names(error.why, overrides)
                overrides -= refused
                if error.code == REFUSED_CLOSE:
                    log.warning(
                        "the agent does not allow our overrides", agent=agent_id, overrides=sorted(refused)
                    )
                    said |= refused
                else:  # the connection may merely have been lost
                    unsaid |= refused
            else:
                self._refusals.learn(agent_id, said=said, unsaid=unsaid)
                return reply

    async def _converse(self, question: Question, overrides: frozenset[str], asked_at: float) -> AgentReply:
        """Converse once. If nothing can begin at an earlier question's address any more, get a new one."""
        while True:
            address = await self._urls.of(question.agent_id)
            try:
                return await self._converse_at(address, question, overrides)
            except _NotBegun as error:
                self._urls.drop(question.agent_id, address)
                if address.fetched_at >= asked_at:
                    raise error.why from error

    async def _converse_at(
        self, address: Address, question: Question, overrides: frozenset[str]
    ) -> AgentReply:
        conversation: Conversation | None = None
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                async with await self._connected(address) as socket:
                    is_greeting = partial(self._is_greeting, question.agent_id)
                    conversation = Conversation(
                        socket, question, overrides, self._shown, is_greeting, self._waits
                    )
                    return await conversation.run()
        except aiohttp.WSServerHandshakeError as error:
            raise _NotBegun(refused(error.status)) from error
        except VendorError as error:
            if conversation is None or conversation.has_begun or error.code == LOST_CLOSE:
                raise  # a lost connection says nothing about the address
            raise _NotBegun(error) from error
        except (*BROKE_OFF, ValueError) as error:  # ValueError: an event that is not a JSON object
            raise RetryableError(VENDOR, f"broke off: {type(error).__name__}") from error

    async def _connected(self, address: Address) -> aiohttp.ClientWebSocketResponse[Literal[True]]:
        closing = aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS)
        async with asyncio.timeout(BEGIN_SECONDS):
            return await self._api.session.ws_connect(address.url, headers=address.headers, timeout=closing)

    async def _is_greeting(self, agent_id: str, text: str) -> bool:
        """Compare a text with the greeting in the agent's settings; if that fails, assume a greeting."""
        try:
            async with asyncio.timeout(_SETTINGS_SECONDS):
                agent = await self._api.get(f"/v1/convai/agents/{quote(agent_id, safe='')}")
        except (TimeoutError, VendorError):
            agent = None
        greeting = agent is None or is_greeting(agent, text)
        if greeting:
            log.warning(
                "the agent greets although we asked it not to",
                agent=agent_id,
                settings_read=agent is not None,
            )
        return greeting
