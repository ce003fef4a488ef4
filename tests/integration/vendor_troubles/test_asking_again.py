"""An agent that is broken, silent or full: whether, when and how often it is asked again."""

import asyncio
from typing import Any

import pytest

from clients.agent import AgentReply
from clients.elevenlabs.events import NeverAnswered
from clients.vendors import Vendors
from schemas.errors import RetryableError
from tests.support.simulators import Simulator
from tests.support.trouble import PRICE, question

BROKEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"turn": "cut-within"}, {}),
    ({"turn": "empty"}, {}),
    ({}, {"bad-event": {}}),
    ({}, {"start-3000": {}}),
    ({}, {"queue-timeout": {}}),
    ({}, {"start-1011": {}}),
    ({}, {"socket-429": {}}),
    ({}, {"socket-500": {}}),
    ({}, {"signed-url-429": {}}),
    ({}, {"signed-url-bad-json": {}}),
    ({}, {"signed-url-html": {}}),
    ({"llm_seconds": 0.05}, {"silent": {}}),
    ({}, {"cut": {}}),
]


@pytest.mark.parametrize(("behaviour", "faults"), BROKEN)
async def test_a_broken_agent_may_be_asked_again(
    elevenlabs: Simulator, vendors: Vendors, behaviour: dict[str, Any], faults: dict[str, Any]
) -> None:
    elevenlabs.steer("settings", behaviour)
    elevenlabs.steer("faults", faults or {"none": {}})
    with pytest.raises(RetryableError):
        await vendors.agent.ask(question())
    elevenlabs.steer("reset", {})
    assert (await vendors.agent.ask(question())).text == PRICE


async def test_an_agent_that_always_ends_within_its_answer_is_not_asked_for_ever(
    elevenlabs: Simulator, vendors: Vendors
) -> None:
    elevenlabs.steer("settings", {"turn": "closed-within"})
    with pytest.raises(NeverAnswered):
        await vendors.agent.ask(question())
    assert len(elevenlabs.read()) == 3
    elevenlabs.steer("reset", {})
    assert (await vendors.agent.ask(question())).text == PRICE


@pytest.mark.parametrize("fault", ["silent", "cut", "start-1002"])
async def test_one_silence_is_tried_again_at_once(
    elevenlabs: Simulator, vendors: Vendors, fault: str
) -> None:
    elevenlabs.steer("settings", {"llm_seconds": 0.05})
    elevenlabs.fault(fault)
    assert (await vendors.agent.ask(question())).text == PRICE


async def test_a_place_in_the_queue_is_waited_for(elevenlabs: Simulator, vendors: Vendors) -> None:
    elevenlabs.steer("settings", {"max_concurrency": 1, "latency_ms": 100})
    replies = await _together(vendors, 3)
    assert [reply.text for reply in replies] == [PRICE] * 3


async def _together(vendors: Vendors, count: int) -> list[AgentReply]:
    return await asyncio.gather(
        *(vendors.agent.ask(question(user_id=f"+5730000000{n}")) for n in range(count))
    )


async def test_a_workspace_that_is_smaller_than_configured_is_not_stormed(
    elevenlabs: Simulator, vendors: Vendors
) -> None:
    """Refused at once, not queued: 40 clients at 4 places are answered with few refusals."""
    elevenlabs.steer("settings", {"max_concurrency": 4, "queue_seconds": 0, "latency_ms": 20})
    refused: list[int | str | None] = []

    async def patiently(number: int) -> AgentReply:
        while True:
            try:
                return await vendors.agent.ask(question(user_id=f"+57300000{number:04}"))
            except RetryableError as error:
                refused.append(error.code)

    replies = await asyncio.gather(*(patiently(number) for number in range(40)))
    assert [reply.text for reply in replies] == [PRICE] * 40
    assert set(refused) == {3008}
    # 36 of the first 40, then 16, 6 and 1 as the limit is halved: twice that. Fixed places make it some 200.
    assert len(refused) <= 2 * (36 + 16 + 6 + 1)
