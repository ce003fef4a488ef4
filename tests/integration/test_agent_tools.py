"""The agent's own tools, over the simulated ElevenLabs: asking for a person, ending the conversation."""

import pytest

from clients.agent import Question
from clients.vendors import build_vendors
from local.server import start
from local.vendors.elevenlabs.routes import application
from local.vendors.elevenlabs.simulator import ElevenLabsSimulator
from rules.handoff import Handoff
from rules.message_text import to_whatsapp
from schemas.settings import load_settings


@pytest.mark.parametrize(
    ("text", "then"), [("tengo un reclamo", "escalated"), ("adiós", "closed"), ("¿cuánto cuesta?", None)]
)
async def test_a_tool_changes_who_speaks(text: str, then: str | None) -> None:
    simulator = ElevenLabsSimulator("key")
    simulator.behaviour.tools = {"reclamo": "transfer_to_human", "adiós": "end_call"}
    running = await start(application(simulator), 0)
    settings = load_settings({}, elevenlabs_api_base_url=running.url, elevenlabs_api_key="key")
    vendors, handoff = build_vendors(settings, to_whatsapp), Handoff(settings)
    try:
        asked = Question(
            conversation_id="", agent_id="a", text=text, user_id="+573138539155", tools=handoff.tools
        )
        reply = await vendors.agent.ask(asked)
    finally:
        await vendors.close()
        await running.stop()
    said = handoff.read(reply.text, tools=reply.tools, ended=reply.ended)
    assert said.text
    assert said.then == then
