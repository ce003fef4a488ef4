"""Builds the vendors' clients from the settings: a kept-alive session for each vendor."""

import asyncio
from dataclasses import dataclass

import aiohttp
import structlog

from schemas.settings import Settings
from streams.vendors.agent import Agent, AgentReply, Question
from streams.vendors.elevenlabs_rest import ElevenLabsRest, RestNotSupported
from streams.vendors.elevenlabs_websocket import ElevenLabsWebSocket
from streams.vendors.http import ELEVENLABS_TIMEOUT, KEEPALIVE_SECONDS, TWILIO_TIMEOUT
from streams.vendors.twilio_sender import TwilioSender

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Vendors:
    """What turns are made with."""

    twilio: TwilioSender
    agent: Agent
    calls: ElevenLabsRest
    sessions: tuple[aiohttp.ClientSession, ...]

    async def close(self) -> None:
        for session in self.sessions:
            await session.close()


class AutoAgent:
    """Tries REST; where the route is not there, goes over to the WebSocket and remembers it."""

    def __init__(self, rest: ElevenLabsRest, websocket: ElevenLabsWebSocket) -> None:
        self._rest = rest
        self._websocket = websocket
        self._rest_is_there = True

    async def ask(self, question: Question) -> AgentReply:
        if self._rest_is_there and question.conversation_id:
            try:
                return await self._rest.ask(question)
            except RestNotSupported:
                log.info("ElevenLabs has no REST route for messages, the WebSocket is used")
                self._rest_is_there = False
        return await self._websocket.ask(question)


class BoundedAgent:
    """Keeps conversations at once within the workspace's concurrency: a wait, not a storm of refusals."""

    def __init__(self, agent: Agent, most: int) -> None:
        self._agent = agent
        self._places = asyncio.Semaphore(most)

    async def ask(self, question: Question) -> AgentReply:
        async with self._places:
            return await self._agent.ask(question)


def build_vendors(settings: Settings) -> Vendors:
    """Build all clients; must be called inside a running loop."""
    twilio = _session(TWILIO_TIMEOUT, settings.max_in_flight)
    elevenlabs = _session(ELEVENLABS_TIMEOUT, settings.elevenlabs_max_concurrency)
    rest, websocket = ElevenLabsRest(settings, elevenlabs), ElevenLabsWebSocket(settings, elevenlabs)
    agents: dict[str, Agent] = {"rest": rest, "websocket": websocket, "auto": AutoAgent(rest, websocket)}
    agent = BoundedAgent(agents[settings.elevenlabs_transport], settings.elevenlabs_max_concurrency)
    return Vendors(TwilioSender(settings, twilio), agent, rest, (twilio, elevenlabs))


def _session(timeout: aiohttp.ClientTimeout, most: int) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=most, keepalive_timeout=KEEPALIVE_SECONDS)
    return aiohttp.ClientSession(connector=connector, timeout=timeout)
