"""Turns of every shape: in parts, cut off, with tools, long, and with what the agent already knows."""

import pytest

from clients.elevenlabs.turn_end import Waits
from clients.vendors import Vendors
from tests.support.simulators import Simulator
from tests.support.trouble import PRICE, question

TURNS: list[tuple[str, str]] = [
    ("parts", PRICE),
    ("stop-first", PRICE),
    ("whole", PRICE),
    ("only-parts", PRICE),
    ("noisy", PRICE),
    ("corrected", PRICE),
    ("two", f"{PRICE[:17].strip()}\n\n{PRICE[17:].strip()}"),
    ("cut-after", PRICE),
    ("closed-after", PRICE),
]


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(("shape", "text"), TURNS)
async def test_every_shape_of_a_turn(
    elevenlabs: Simulator, vendors: Vendors, shape: str, text: str, complete: bool
) -> None:
    """With and without `agent_response_complete`, which must be switched on at the agent."""
    elevenlabs.steer("settings", {"turn": shape})
    if not complete:
        events = ["agent_response", "agent_chat_response_part", "agent_response_correction"]
        elevenlabs.steer("agents", {"agent_id": "agent_1", "client_events": events})
    reply = await vendors.agent.ask(question())
    assert (reply.text, reply.ended) == (text, False)  # only the agent's own tool ends a conversation
    assert len(elevenlabs.read()) == 1  # nobody was asked twice


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("greets", ["before", "within", "ended", "behind"])
async def test_a_greeting_that_comes_all_the_same_is_no_answer(
    elevenlabs: Simulator, vendors: Vendors, greets: str, complete: bool
) -> None:
    elevenlabs.steer("settings", {"greets": greets})
    if not complete:
        elevenlabs.steer("agents", {"agent_id": "agent_1", "client_events": ["agent_response"]})
    assert (await vendors.agent.ask(question())).text == PRICE
    assert len(elevenlabs.read()) == 1


@pytest.mark.parametrize("greets", ["within", "ended"])
async def test_an_agent_may_think_longer_after_a_greeting_than_an_answer_is_waited_for(
    elevenlabs: Simulator, vendors: Vendors, greets: str
) -> None:
    elevenlabs.steer("settings", {"greets": greets, "latency_ms": 1_000 * Waits().quiet + 500})
    assert (await vendors.agent.ask(question())).text == PRICE


@pytest.mark.parametrize("tool", ["look_up", "transfer_to_human", "end_call"])
async def test_turns_with_tools(elevenlabs: Simulator, vendors: Vendors, tool: str) -> None:
    elevenlabs.steer("settings", {"tools": {"cuesta": tool}, "system_tools": ["look_up"]})
    reply = await vendors.agent.ask(question())
    said = PRICE if tool == "end_call" else f"Un momento, lo reviso.\n\n{PRICE}"
    assert (reply.text, reply.ended) == (said, tool == "end_call")


async def test_a_long_answer_is_whole(elevenlabs: Simulator, vendors: Vendors) -> None:
    elevenlabs.steer("settings", {"manner": "long"})
    reply = await vendors.agent.ask(question())
    assert len(reply.text) > 1600
    assert reply.text == elevenlabs.read()[0]["reply"]


async def test_the_agent_remembers(elevenlabs: Simulator, vendors: Vendors) -> None:
    for text, answer in (
        ("¿Qué hablamos en la llamada?", "Como te comenté en la llamada: Le interesa el plan oro"),
        ("¿Cómo me llamo?", "Te llamas Ana."),
        ("¿Qué te dije?", "Me dijiste: Vivo en Cali"),
    ):
        assert (await vendors.agent.ask(question(text))).text == answer
    (entry, *_) = elevenlabs.read()
    assert entry["overrides"] == {"conversation": {"text_only": True}, "agent": {"first_message": ""}}
