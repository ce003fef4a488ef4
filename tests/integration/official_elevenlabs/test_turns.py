"""An agent's turns as the package passes them on: their shapes, with tools, and the last one."""

import queue
from typing import Any

import pytest
from elevenlabs.client import ElevenLabs

from tests.support.elevenlabs_sdk import AGENT, Talk
from tests.support.simulators import Simulator


@pytest.mark.parametrize(
    ("shape", "kinds"),
    [
        ("stop-first", ["start", "delta", "delta", "stop", "response"]),
        ("whole", ["response"]),
        ("two", ["response", "response"]),
        ("only-parts", ["start", "delta", "delta", "stop"]),
        ("corrected", ["response", "correction"]),
    ],
)
def test_shapes_of_a_turn(client: ElevenLabs, elevenlabs: Simulator, shape: str, kinds: list[str]) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "first_message": ""})
    elevenlabs.steer("settings", {"turn": shape})
    with Talk(client) as talk:
        talk.say("¿Cuánto cuesta?")
        assert talk.kinds(len(kinds)) == kinds


@pytest.mark.parametrize("registered", [True, False])
def test_client_tools(client: ElevenLabs, elevenlabs: Simulator, registered: bool) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "first_message": ""})
    elevenlabs.steer("settings", {"tools": {"asesor": "transfer_to_human"}})
    called: queue.Queue[Any] = queue.Queue()
    with Talk(client) as talk:
        if registered:
            talk.tools.register("transfer_to_human", lambda parameters: called.put(parameters) or "hecho")
        talk.say("Quiero un asesor")
        assert talk.next() == "Un momento, lo reviso."
        assert (
            talk.next() == "¿Me puedes contar un poco más de lo que buscas?"
        )  # only after the tool's result
    assert called.qsize() == registered


def test_a_system_tool_gives_two_responses(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "first_message": ""})
    elevenlabs.steer("settings", {"tools": {"cuesta": "look_up"}, "system_tools": ["look_up"]})
    with Talk(client) as talk:
        talk.say("¿Cuánto cuesta?")
        assert [talk.next(), talk.next()] == ["Un momento, lo reviso.", "El plan Premium cuesta $99 al mes."]


def test_the_agent_ends_the_call(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.steer("agents", {"agent_id": AGENT, "first_message": ""})
    elevenlabs.steer("settings", {"tools": {"adiós": "end_call"}})
    with Talk(client) as talk:
        talk.say("adiós")
        assert talk.next().startswith("¡Hasta pronto!")
        ended = talk.disconnected()
    assert (ended.reason, ended.close_code) == ("agent", 1000)
