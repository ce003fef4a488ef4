"""A call's details that come late, broken, huge or not at all."""

import pytest

from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.calls import ElevenLabsCalls
from clients.http import LARGEST_ANSWER_BYTES
from schemas.errors import RetryableError
from tests.support.simulators import Simulator
from tests.support.trouble import BODIES


@pytest.mark.parametrize("kind", [*BODIES, "429", "500", "503", "401"])
async def test_call_details_that_cannot_be_read_may_come_later(
    elevenlabs: Simulator, api: ElevenLabsApi, kind: str
) -> None:
    elevenlabs.fault(f"conversation-{kind}", seconds=5, count=-1)
    with pytest.raises(RetryableError):
        await ElevenLabsCalls(api).fetch_call("conv_1")
    elevenlabs.steer("faults", {})
    assert await ElevenLabsCalls(api).fetch_call("conv_1")


@pytest.mark.parametrize("kind", ["404", "403", "422"])
async def test_call_details_that_are_refused_are_done_without(
    elevenlabs: Simulator, api: ElevenLabsApi, kind: str
) -> None:
    elevenlabs.fault(f"conversation-{kind}")
    assert await ElevenLabsCalls(api).fetch_call("conv_1") is None


async def test_a_call_is_read_as_it_gets_ready(elevenlabs: Simulator, api: ElevenLabsApi) -> None:
    calls, told = ElevenLabsCalls(api), {"conversation_id": "c", "summary": "Quiere el plan oro"}
    elevenlabs.steer("calls", told | {"live_seconds": 3600})
    assert await calls.fetch_call("c") is None
    elevenlabs.steer("calls", told | {"processing_seconds": 3600})
    early = await calls.fetch_call("c")
    assert early
    assert (early.status, early.summary, len(early.transcript)) == ("processing", None, 2)
    elevenlabs.steer("calls", told)
    done = await calls.fetch_call("c")
    assert done
    assert (done.status, done.summary) == ("done", "Quiere el plan oro")


async def test_a_huge_answer_is_not_read_to_its_end(elevenlabs: Simulator, api: ElevenLabsApi) -> None:
    elevenlabs.fault("conversation-huge-body", size=LARGEST_ANSWER_BYTES * 8)
    with pytest.raises(RetryableError, match="TooLarge"):
        await ElevenLabsCalls(api).fetch_call("conv_1")
