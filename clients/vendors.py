"""Builds the vendors' clients from the settings, with one kept-alive session for each vendor."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from clients.agent import Agent, Calls
from clients.elevenlabs import api as elevenlabs_api
from clients.elevenlabs.agent import build_agent
from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.calls import ElevenLabsCalls
from clients.http import open_session
from clients.messenger import Messenger
from clients.twilio import api as twilio_api
from clients.twilio.messenger import TwilioMessenger
from schemas.settings import Settings

# A look for missed messages asks a few dozen at once, a health probe one.
_READERS = 50


@dataclass(frozen=True, slots=True)
class Vendors:
    """What turns are made with, behind their ports."""

    messenger: Messenger
    agent: Agent
    calls: Calls
    sessions: tuple[aiohttp.ClientSession, ...] = ()

    async def close(self) -> None:
        """Close all connections; requests under way break off."""
        for session in self.sessions:
            await session.close()


def build_vendors(settings: Settings, shown: Callable[[str], str]) -> Vendors:
    """Build all clients; must be called inside a running loop. `shown`: what a client sees of an answer."""
    twilio = open_session(twilio_api.TIMEOUT, settings.max_in_flight)
    # The limiter bounds conversations; look-ups of calls need connections besides, one per turn in flight.
    most = settings.elevenlabs_max_concurrency + settings.max_in_flight
    elevenlabs = open_session(elevenlabs_api.TIMEOUT, most)
    api = ElevenLabsApi(settings, elevenlabs)
    return Vendors(
        TwilioMessenger(settings, twilio),
        build_agent(settings, api, shown),
        ElevenLabsCalls(api),
        (twilio, elevenlabs),
    )


@dataclass(frozen=True, slots=True)
class Readers:
    """What `web` and commands look things up with at vendors: connections set up alike, but fewer."""

    messenger: TwilioMessenger
    elevenlabs: ElevenLabsApi


@asynccontextmanager
async def open_readers(settings: Settings) -> AsyncIterator[Readers]:
    """Open the readers, and close their connections in the end."""
    async with (
        open_session(twilio_api.TIMEOUT, _READERS) as twilio,
        open_session(elevenlabs_api.TIMEOUT, _READERS) as elevenlabs,
    ):
        yield Readers(TwilioMessenger(settings, twilio), ElevenLabsApi(settings, elevenlabs))
