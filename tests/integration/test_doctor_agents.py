"""Agents misconfigured in each way at the simulated ElevenLabs: what `doctor` says, and how a turn goes."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from cli.doctor_agents import agents
from clients.agent import Question
from clients.elevenlabs.api import TIMEOUT, ElevenLabsApi
from clients.elevenlabs.events import AgentSilent
from clients.elevenlabs.turn_end import Waits
from clients.elevenlabs.websocket import ElevenLabsWebSocket
from clients.http import open_session
from local.faults import Faults
from local.server import start
from local.vendors.elevenlabs.routes import application
from local.vendors.elevenlabs.settings import AgentSettings
from local.vendors.elevenlabs.simulator import ElevenLabsSimulator
from schemas.settings import Settings, load_settings

KEY = "key"
USED = "agent_1"
ALL = AgentSettings(agent_id=USED).client_events
ALLOWED = AgentSettings(agent_id=USED).allowed


@pytest.fixture
async def elevenlabs() -> AsyncIterator[tuple[ElevenLabsSimulator, str]]:
    simulator = ElevenLabsSimulator(KEY)
    simulator.behaviour.strict = True
    running = await start(application(simulator), 0)
    yield simulator, running.url
    await running.stop()


def configured(url: str, **over: object) -> Settings:
    return load_settings({}, elevenlabs_api_base_url=url, elevenlabs_api_key=KEY, **over)


def without(*events: str) -> list[str]:
    return [event for event in ALL if event not in events]


WRONG: list[tuple[dict[str, object], str, str]] = [
    ({"allowed": ["agent.first_message"]}, "override conversation.text_only is refused", "Overrides"),
    ({"allowed": ["conversation.text_only"]}, "override agent.first_message is refused", "Overrides"),
    (
        {"client_events": without("agent_response")},
        "agent_response is off: answers are put together",
        "client events",
    ),
    (
        {"client_events": without("agent_response", "agent_chat_response_part")},
        "agent_response is off: no answer is ever received",
        "client events",
    ),
    (
        {"client_events": without("agent_response_complete")},
        "agent_response_complete is off",
        "client events",
    ),
    (
        {"client_events": without("agent_tool_response"), "tool_ids": ["tool_1"]},
        "agent_tool_request and agent_tool_response are off",
        "client events",
    ),
    (
        {"client_events": without("client_tool_call"), "tool_ids": ["tool_1"]},
        "client_tool_call is off",
        "client events",
    ),
]


@pytest.mark.parametrize(("setup", "found", "advice"), WRONG)
async def test_each_wrong_setting_of_an_agent_is_one_line(
    elevenlabs: tuple[ElevenLabsSimulator, str], setup: dict[str, object], found: str, advice: str
) -> None:
    simulator, url = elevenlabs
    simulator.agents[USED] = AgentSettings(agent_id=USED, **setup)  # type: ignore[arg-type]  # as over /_sim
    [finding] = await agents(configured(url))
    assert finding.what == f"agent {USED}"
    assert found in finding.found
    assert advice in finding.advice


# Each but one of these is worked around.
@pytest.mark.parametrize(
    ("setup", "is_answered"), [(setup, "no answer is ever" not in found) for setup, found, _ in WRONG]
)
async def test_a_turn_with_an_agent_that_is_set_up_wrongly(
    elevenlabs: tuple[ElevenLabsSimulator, str],
    setup: dict[str, object],
    is_answered: bool,
) -> None:
    simulator, url = elevenlabs
    simulator.agents[USED] = AgentSettings(agent_id=USED, **setup)  # type: ignore[arg-type]  # as over /_sim
    question = Question(conversation_id="conv_1", agent_id=USED, text="¿Cuál es el precio?", user_id="+57313")
    async with open_session(TIMEOUT, 10) as session:
        asked = ElevenLabsWebSocket(ElevenLabsApi(configured(url), session), waits=Waits(turn=3.0)).ask(
            question
        )
        if is_answered:
            assert (await asked).text == "El plan Premium cuesta $99 al mes."
        else:
            with pytest.raises(AgentSilent):
                await asked


@pytest.mark.parametrize(
    "setup",
    [
        {},
        {"private": True},
        {"text_only": True, "allowed": ["agent.first_message"]},
        {"first_message": "", "allowed": ["conversation.text_only"]},
        {"client_events": without("agent_tool_request", "client_tool_call")},
        {"required": ["plan"]},  # the call has it
    ],
)
async def test_what_works_is_one_line_without_advice(
    elevenlabs: tuple[ElevenLabsSimulator, str], setup: dict[str, object]
) -> None:
    simulator, url = elevenlabs
    simulator.agents[USED] = AgentSettings(agent_id=USED, **setup)  # type: ignore[arg-type]  # as over /_sim
    [finding] = await agents(configured(url))
    assert (finding.found, finding.advice) == ("ok", "")


async def test_the_agent_of_unknown_numbers_must_do_without_a_calls_variables(
    elevenlabs: tuple[ElevenLabsSimulator, str],
) -> None:
    simulator, url = elevenlabs
    simulator.agents["agent_2"] = AgentSettings(agent_id="agent_2", required=["plan", "customer_name"])
    [finding] = await agents(configured(url, unknown_number_agent_id="agent_2"))
    assert "needs plan, which" in finding.found
    assert "UNKNOWN_NUMBER_AGENT_ID" in finding.advice


async def test_an_agent_of_another_workspace_is_said(elevenlabs: tuple[ElevenLabsSimulator, str]) -> None:
    [finding] = await agents(configured(elevenlabs[1], unknown_number_agent_id="agent_9"))
    assert (finding.what, finding.found) == ("agent agent_9", "unknown to ElevenLabs")


async def test_a_key_that_may_not_sign_or_read_is_said(elevenlabs: tuple[ElevenLabsSimulator, str]) -> None:
    simulator, url = elevenlabs
    simulator.agents[USED] = AgentSettings(agent_id=USED, private=True)
    _always(simulator.faults, "signed-url-403")
    [finding] = await agents(configured(url))
    assert "no signed URL" in finding.found
    assert "convai_write" in finding.advice
    _always(simulator.faults, "agent-403")
    [finding] = await agents(configured(url))
    assert "convai_read" in finding.advice


def _always(faults: Faults, name: str) -> None:
    faults.arm({name: {"probability": 1.0}})


async def test_a_transport_without_a_route_is_said(elevenlabs: tuple[ElevenLabsSimulator, str]) -> None:
    simulator, url = elevenlabs
    for status in (404, 405):
        simulator.behaviour.rest_status = status
        [finding] = await agents(configured(url, elevenlabs_transport="rest"))
        assert (finding.what, "ELEVENLABS_TRANSPORT=auto" in finding.advice) == ("ELEVENLABS_TRANSPORT", True)
    for strict in (True, False):
        simulator.behaviour.rest, simulator.behaviour.strict = True, strict
        assert await agents(configured(url, elevenlabs_transport="rest")) == []
    assert simulator.asked == []


async def test_the_agents_of_conversations_are_looked_at_and_no_others(
    elevenlabs: tuple[ElevenLabsSimulator, str], database_url: str
) -> None:
    simulator, url = elevenlabs
    for agent_id in (USED, "agent_other"):
        simulator.agents[agent_id] = AgentSettings(agent_id=agent_id)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO conversation_state (phone_number, elevenlabs_conversation_id, agent_id)"
        " VALUES ('+571', 'c', $1)",
        USED,
    )
    await connection.close()
    assert [finding.what for finding in await agents(configured(url, database_url=database_url))] == [
        f"agent {USED}"
    ]


async def test_nothing_is_said_twice_where_elevenlabs_is_away() -> None:
    assert await agents(configured("http://127.0.0.1:9")) == []
