"""Our clients against misbehaving simulated vendors: every trouble at every stage has its outcome."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from clients.elevenlabs.api import ElevenLabsApi
from clients.http import open_session
from clients.twilio.messenger import TwilioMessenger
from clients.vendors import Vendors, build_vendors
from rules.message_text import to_whatsapp
from schemas.settings import Settings, load_settings
from tests.support.simulators import ACCOUNT, KEY, TOKEN, Simulator, elevenlabs_simulator, twilio_simulator

# Phases as in production, but short, because what is waited for does not come.
_SHORT = aiohttp.ClientTimeout(total=2, sock_read=0.3)


@pytest.fixture(scope="package")
def both() -> Iterator[tuple[Simulator, Simulator]]:
    with twilio_simulator() as twilio, elevenlabs_simulator() as elevenlabs:
        yield twilio, elevenlabs


@pytest.fixture
def twilio(both: tuple[Simulator, Simulator]) -> Simulator:
    both[0].steer("reset", {})
    return both[0]


@pytest.fixture
def elevenlabs(both: tuple[Simulator, Simulator]) -> Simulator:
    both[1].steer("reset", {})
    return both[1]


@pytest.fixture
def settings(both: tuple[Simulator, Simulator]) -> Settings:
    return load_settings(
        {},
        twilio_api_base_url=both[0].url,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        elevenlabs_api_base_url=both[1].url,
        elevenlabs_api_key=KEY,
    )


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    session = open_session(_SHORT, 10)
    yield session
    await session.close()


@pytest.fixture
def sender(settings: Settings, session: aiohttp.ClientSession) -> TwilioMessenger:
    return TwilioMessenger(settings, session)


@pytest.fixture
def api(settings: Settings, session: aiohttp.ClientSession) -> ElevenLabsApi:
    return ElevenLabsApi(settings, session)


@pytest.fixture
async def vendors(settings: Settings) -> AsyncIterator[Vendors]:
    vendors = build_vendors(settings, to_whatsapp)
    yield vendors
    await vendors.close()
