"""The specified route and the WebSocket: when one gives way to the other, and what goes wrong with each."""

import pytest

from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.rest import ElevenLabsRest
from clients.elevenlabs.websocket import ElevenLabsWebSocket
from clients.vendors import Vendors
from schemas.errors import RetryableError
from tests.support.simulators import Simulator
from tests.support.trouble import BODIES, question


@pytest.mark.parametrize("status", [404, 405])
async def test_auto_goes_over_once_and_remembers(
    elevenlabs: Simulator, vendors: Vendors, status: int
) -> None:
    elevenlabs.steer("settings", {"rest_status": status})
    assert (await vendors.agent.ask(question())).transport == "websocket"
    elevenlabs.steer("settings", {"rest": True})  # it would be there now, but nobody tries any more
    assert (await vendors.agent.ask(question())).transport == "websocket"


@pytest.mark.parametrize("key", ["response", "message", "text", "agent_response"])
async def test_the_specified_route(elevenlabs: Simulator, vendors: Vendors, key: str) -> None:
    elevenlabs.steer("settings", {"rest": True, "rest_key": key})
    elevenlabs.steer("calls", {"conversation_id": "conv_1", "summary": "Quiere el plan oro"})
    reply = await vendors.agent.ask(question("¿Qué hablamos en la llamada?"))
    assert (reply.transport, reply.text) == ("rest", "Como te comenté en la llamada: Quiere el plan oro")


async def test_a_404_about_one_call_does_not_give_the_route_up(
    elevenlabs: Simulator, vendors: Vendors
) -> None:
    elevenlabs.steer("settings", {"rest": True, "strict": True})
    elevenlabs.steer("agents", {"agent_id": "agent_1"})
    assert (await vendors.agent.ask(question())).transport == "websocket"
    elevenlabs.steer("calls", {"conversation_id": "conv_1"})
    assert (await vendors.agent.ask(question())).transport == "rest"


@pytest.mark.parametrize("kind", [*BODIES, "429", "500"])
async def test_the_specified_route_goes_wrong(elevenlabs: Simulator, api: ElevenLabsApi, kind: str) -> None:
    elevenlabs.steer("settings", {"rest": True})
    elevenlabs.fault(f"message-{kind}", seconds=5)
    with pytest.raises(RetryableError):
        await ElevenLabsRest(api).ask(question())


@pytest.mark.parametrize("kind", ["hang", "slow-body", "huge-body", "reset"])
async def test_the_handshake_goes_wrong(elevenlabs: Simulator, api: ElevenLabsApi, kind: str) -> None:
    elevenlabs.fault(f"socket-{kind}", seconds=5, count=-1)
    with pytest.raises(RetryableError):
        await ElevenLabsWebSocket(api).ask(question())
