"""Builds the vendors' clients from the settings: a kept-alive session for each vendor."""

from dataclasses import dataclass

import aiohttp
import structlog

from schemas.errors import RetryableError
from schemas.settings import Settings
from streams.vendors.agent import Agent, AgentReply, Question
from streams.vendors.elevenlabs_api import ElevenLabsApi, NotThere
from streams.vendors.elevenlabs_calls import ElevenLabsCalls
from streams.vendors.elevenlabs_rest import ElevenLabsRest, RestNotSupported
from streams.vendors.elevenlabs_websocket import ElevenLabsWebSocket
from streams.vendors.http import ELEVENLABS_TIMEOUT, TWILIO_TIMEOUT, open_session
from streams.vendors.places import Places
from streams.vendors.twilio_sender import TwilioSender
from streams.vendors.twilio_typing import TwilioTyping

log = structlog.get_logger()

# HTTP's, and the WebSocket's close after a wait in the vendor's own queue.
_TOO_MANY = frozenset({429, 3008})


@dataclass(frozen=True, slots=True)
class Vendors:
    """What turns are made with."""

    twilio: TwilioSender
    agent: Agent
    calls: ElevenLabsCalls
    typing: TwilioTyping
    sessions: tuple[aiohttp.ClientSession, ...]

    async def close(self) -> None:
        """Close all connections; what is still being asked breaks off."""
        for session in self.sessions:
            await session.close()


class AutoAgent:
    """Tries REST; where the route is not there, goes over to the WebSocket and remembers it."""

    def __init__(self, rest: Agent, websocket: Agent) -> None:
        self._rest = rest
        self._websocket = websocket
        self._rest_is_there: bool | None = None  # None: not known yet

    async def ask(self, question: Question) -> AgentReply:
        """Ask; see `Agent`."""
        if self._rest_is_there is not False and question.conversation_id:
            try:
                reply = await self._rest.ask(question)
            except RestNotSupported as error:
                self._remember(error)
            else:
                self._rest_is_there = True
                return reply
        return await self._websocket.ask(question)

    def _remember(self, error: RestNotSupported) -> None:
        # Where the route has worked before, or the answer names the conversation, a 404 is about this one call.
        refusal = error.__cause__
        of_call = isinstance(refusal, NotThere) and "conversation" in refusal.name
        if self._rest_is_there is None and not of_call:
            log.info("ElevenLabs has no REST route for messages, the WebSocket is used")
            self._rest_is_there = False


class BoundedAgent:
    """Keeps conversations at once within the workspace's concurrency: a wait, not a storm of refusals."""

    def __init__(self, agent: Agent, most: int) -> None:
        self._agent = agent
        self._places = Places(most)

    async def ask(self, question: Question) -> AgentReply:
        """Ask when there is a place; see `Agent`."""
        async with self._places.one():
            try:
                reply = await self._agent.ask(question)
            except RetryableError as error:
                if error.code in _TOO_MANY:
                    self._places.limit.refused(self._places.running)
                raise
            self._places.limit.answered()
            return reply


def build_vendors(settings: Settings) -> Vendors:
    """Build all clients; must be called inside a running loop."""
    # The places bound conversations; look-ups of calls need connections besides them, one a turn in flight.
    twilio = open_session(TWILIO_TIMEOUT, settings.max_in_flight)
    elevenlabs = open_session(ELEVENLABS_TIMEOUT, settings.elevenlabs_max_concurrency + settings.max_in_flight)
    api = ElevenLabsApi(settings, elevenlabs)
    rest, websocket = ElevenLabsRest(api), ElevenLabsWebSocket(api)
    agents: dict[str, Agent] = {"rest": rest, "websocket": websocket, "auto": AutoAgent(rest, websocket)}
    agent = BoundedAgent(agents[settings.elevenlabs_transport], settings.elevenlabs_max_concurrency)
    return Vendors(
        TwilioSender(settings, twilio),
        agent,
        ElevenLabsCalls(api),
        TwilioTyping(settings, twilio),
        (twilio, elevenlabs),
    )
