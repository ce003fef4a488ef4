"""Agents in different setups: private, without overrides, with variables, with a key that may not sign."""

from typing import Any

import pytest

from clients.agent import CallContext
from clients.vendors import Vendors
from schemas.errors import RetryableError, TerminalError
from tests.support.simulators import Simulator
from tests.support.trouble import PRICE, question

SETUPS: list[dict[str, Any]] = [
    {"private": True},
    {"allowed": []},
    {"allowed": ["agent.first_message"]},
    {"text_only": True},
    {"first_message": ""},
    {"required": ["plan"]},
]


@pytest.mark.parametrize("setup", SETUPS)
async def test_agents_as_they_are_set_up(
    elevenlabs: Simulator, vendors: Vendors, setup: dict[str, Any]
) -> None:
    elevenlabs.steer("agents", {"agent_id": "agent_1", **setup})
    context = CallContext(dynamic_variables={"plan": "oro", "system__time": "now"})
    assert (await vendors.agent.ask(question(context=context))).text == PRICE


@pytest.mark.parametrize("forbidden", ["signed-url-403", "signed-url-401"])
async def test_a_key_that_may_not_sign(elevenlabs: Simulator, vendors: Vendors, forbidden: str) -> None:
    elevenlabs.fault(forbidden)
    elevenlabs.steer("agents", {"agent_id": "agent_1", "private": True})
    if forbidden == "signed-url-403":  # the key goes along with the socket's own handshake
        assert (await vendors.agent.ask(question())).text == PRICE
    else:
        with pytest.raises(RetryableError) as caught:
            await vendors.agent.ask(question())
        assert caught.value.retry_after


@pytest.mark.parametrize("setup", [{"required": ["nombre"]}, None])
async def test_an_agent_that_cannot_be_used(
    elevenlabs: Simulator, vendors: Vendors, setup: dict[str, Any] | None
) -> None:
    if setup:
        elevenlabs.steer("agents", {"agent_id": "agent_1", **setup})
    else:
        elevenlabs.steer("settings", {"strict": True})
    with pytest.raises(TerminalError):
        await vendors.agent.ask(question())
