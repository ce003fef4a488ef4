"""ElevenLabs as its public API really is: a text-only conversation with the same agent over a WebSocket.

A finished call cannot be continued, so each turn opens a new conversation, tells it the call and the chat so far, asks,
collects the answer and closes: a socket without input is cut after 60 s, and clients take minutes.
"""

import asyncio
import time

import aiohttp
import structlog
from yarl import URL

from schemas.errors import RetryableError
from streams.vendors.agent import AgentReply, Question
from streams.vendors.elevenlabs_api import VENDOR, ElevenLabsApi, Forbidden, refused
from streams.vendors.elevenlabs_conversation import Conversation
from streams.vendors.elevenlabs_events import REFUSED_CLOSE, AgentSilent, OverrideRefused
from streams.vendors.elevenlabs_overrides import Refusals, refused_names
from streams.vendors.http import BROKE_OFF
from streams.vendors.vendor_json import words

log = structlog.get_logger()

# Signed URL 10 s at worst, start 10 s, turn 30 s, and writes that stall: more than all is a broken connection.
_WHOLE_SECONDS = 55.0
# The peer's close frame is waited for no longer: the client waits for the answer, which we have.
_CLOSE_SECONDS = 0.5


class ElevenLabsWebSocket:
    """One workspace's text conversations."""

    def __init__(self, api: ElevenLabsApi) -> None:
        self._api = api
        self._refusals = Refusals(time.monotonic)

    async def ask(self, question: Question) -> AgentReply:
        """Ask in a conversation of its own; see `Agent`. Silence is tried once more on a fresh socket (packages#423)."""
        question = await question.with_history()
        try:
            return await self._ask(question)
        except AgentSilent as error:
            log.info("the agent stayed silent and is asked again", code=error.code)
            return await self._ask(question)

    async def _ask(self, question: Question) -> AgentReply:
        """Ask with the overrides that the agent allows; with ever fewer where it turns out to refuse them."""
        agent_id = question.agent_id
        overrides = self._refusals.allowed(agent_id)
        said, unsaid = frozenset[str](), frozenset[str]()
        while True:
            try:
                reply = await self._converse(question, overrides)
            except OverrideRefused as error:
                refused = refused_names(error.why, overrides)
                overrides -= refused
                if error.code == REFUSED_CLOSE:
                    log.warning("the agent does not allow our overrides", agent=agent_id, overrides=sorted(refused))
                    said |= refused
                else:  # the connection may merely have been lost
                    unsaid |= refused
            else:
                self._refusals.learn(agent_id, said=said, unsaid=unsaid)
                return reply

    async def _converse(self, question: Question, overrides: frozenset[str]) -> AgentReply:
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                url, headers = await self._address(question.agent_id)
                closing = aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS)
                async with self._api.session.ws_connect(url, headers=headers, timeout=closing) as socket:
                    return await Conversation(socket, question, overrides).run()
        except aiohttp.WSServerHandshakeError as error:
            raise refused(error.status) from error
        except (*BROKE_OFF, ValueError) as error:  # ValueError: an event that is not a JSON object
            raise RetryableError(VENDOR, f"broke off: {type(error).__name__}") from error

    async def _address(self, agent_id: str) -> tuple[str, dict[str, str]]:
        """Give a signed URL; where our key may not sign, the plain one with the key as its header."""
        try:
            answer = await self._api.get("/v1/convai/conversation/get-signed-url", {"agent_id": agent_id})
        except Forbidden:
            url = URL(f"{self._api.base}/v1/convai/conversation").with_query({"agent_id": agent_id})
            return str(url), self._api.headers
        if not (signed := words(answer, "signed_url")):
            raise RetryableError(VENDOR, "answered no signed URL")
        return signed, {}
