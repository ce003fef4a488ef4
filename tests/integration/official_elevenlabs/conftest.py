"""The official `elevenlabs` package, only its base URL changed, against a simulated ElevenLabs process."""

from collections.abc import Iterator

import httpx
import pytest
from elevenlabs.client import ElevenLabs

from tests.support.simulators import KEY, Simulator, elevenlabs_simulator


@pytest.fixture(scope="package")
def running() -> Iterator[Simulator]:
    with elevenlabs_simulator() as simulator:
        yield simulator


@pytest.fixture
def elevenlabs(running: Simulator) -> Simulator:
    running.steer("reset", {})
    return running


@pytest.fixture
def client(elevenlabs: Simulator) -> Iterator[ElevenLabs]:
    with httpx.Client() as http:  # the SDK does not close its own
        yield ElevenLabs(api_key=KEY, base_url=elevenlabs.url, httpx_client=http)
