"""The package's HTTP requests: calls, lists, agents, batches, and how it takes errors."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs, ElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import UnprocessableEntityError

from tests.support.elevenlabs_sdk import AGENT
from tests.support.simulators import KEY, Simulator

_NO_RETRIES: Any = {"max_retries": 0}


def test_a_calls_life(client: ElevenLabs, elevenlabs: Simulator) -> None:
    conversations = client.conversational_ai.conversations
    elevenlabs.steer(
        "calls",
        {
            "conversation_id": "conv_1",
            "agent_id": AGENT,
            "summary": "Quiere el plan oro",
            "duration": 31,
            "dynamic_variables": {"plan": "oro"},
            "batch_id": "btcal_1",
            "recipient_id": "rcpt_1",
            "live_seconds": 3600,
        },
    )
    live = conversations.get("conv_1")
    assert (live.status, live.analysis, live.transcript) == ("in-progress", None, [])
    elevenlabs.steer("calls", {"conversation_id": "conv_1", "processing_seconds": 3600})
    processing = conversations.get("conv_1")
    assert (processing.status, processing.analysis) == ("processing", None)
    assert [turn.role for turn in processing.transcript if turn.message] == ["agent", "user"]
    elevenlabs.steer(
        "calls",
        {
            "conversation_id": "conv_1",
            "agent_id": AGENT,
            "summary": "Quiere el plan oro",
            "duration": 31,
            "dynamic_variables": {"plan": "oro"},
            "batch_id": "btcal_1",
            "recipient_id": "rcpt_1",
        },
    )
    done = conversations.get("conv_1")
    assert done.status == "done"
    assert done.analysis
    assert (done.analysis.transcript_summary, done.metadata.call_duration_secs) == ("Quiere el plan oro", 31)
    assert done.conversation_initiation_client_data
    assert (done.conversation_initiation_client_data.dynamic_variables or {})["plan"] == "oro"
    assert done.metadata.phone_call
    assert done.metadata.phone_call.external_number == "+573138539155"
    assert done.metadata.batch_call
    assert done.metadata.batch_call.batch_call_recipient_id == "rcpt_1"
    summary = conversations.get_summary("conv_1", max_messages=10)
    assert (summary.transcript_summary, summary.message_count, summary.messages_omitted) == (
        "Quiere el plan oro",
        2,
        False,
    )
    assert conversations.get_summary("conv_1", max_messages=1).messages is None


def test_a_call_without_summary_or_transcript(client: ElevenLabs, elevenlabs: Simulator) -> None:
    call = {
        "conversation_id": "c",
        "summary": None,
        "transcript": [],
        "status": "failed",
        "call_result": "no_answer",
    }
    elevenlabs.steer("calls", call)
    found = client.conversational_ai.conversations.get("c")
    assert (found.status, found.analysis, found.transcript) == ("failed", None, [])


def test_list_pages(client: ElevenLabs, elevenlabs: Simulator) -> None:
    for n in range(5):
        elevenlabs.steer(
            "calls", {"conversation_id": f"conv_{n}", "agent_id": "agent_2", "began": 1761694000 + n}
        )
    elevenlabs.steer("calls", {"conversation_id": "other", "agent_id": "agent_3"})
    conversations, ids, cursor = client.conversational_ai.conversations, [], None
    while True:
        page = conversations.list(agent_id="agent_2", page_size=2, cursor=cursor)
        ids += [one.conversation_id for one in page.conversations]
        cursor = page.next_cursor
        if not page.has_more:
            break
    assert ids == ["conv_4", "conv_3", "conv_2", "conv_1", "conv_0"]
    assert len(conversations.list(agent_id="agent_2", call_start_after_unix=1761694003).conversations) == 2
    with pytest.raises(UnprocessableEntityError) as caught:
        conversations.list(page_size=1000)
    assert caught.value.body["detail"][0]["loc"] == ["query", "page_size"]


def test_agents_and_batches(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.steer(
        "agents", {"agent_id": AGENT, "name": "Ana", "private": True, "allowed": ["agent.first_message"]}
    )
    agent = client.conversational_ai.agents.get(AGENT)
    settings = agent.platform_settings
    assert settings
    assert settings.auth
    assert settings.overrides
    allowed = settings.overrides.conversation_config_override
    assert allowed
    assert allowed.conversation
    assert allowed.agent
    assert (agent.name, settings.auth.enable_auth) == ("Ana", True)
    assert (allowed.conversation.text_only, allowed.agent.first_message) == (False, True)
    assert agent.conversation_config.conversation
    assert "agent_response" in (agent.conversation_config.conversation.client_events or [])
    assert [one.agent_id for one in client.conversational_ai.agents.list().agents] == [AGENT]
    elevenlabs.steer("calls", {"conversation_id": "c1", "batch_id": "btcal_1", "recipient_id": "rcpt_1"})
    batch = client.conversational_ai.batch_calls.get("btcal_1")
    assert (batch.status, [(one.id, one.status, one.conversation_id) for one in batch.recipients]) == (
        "completed",
        [("rcpt_1", "completed", "c1")],
    )
    elevenlabs.steer("calls", {"conversation_id": "c2", "batch_id": "btcal_2"})
    page = client.conversational_ai.batch_calls.list(limit=1)
    assert ([one.id for one in page.batch_calls], page.has_more, page.next_doc) == (
        ["btcal_2"],
        True,
        "btcal_2",
    )
    page = client.conversational_ai.batch_calls.list(limit=1, last_doc=page.next_doc)
    assert ([one.id for one in page.batch_calls], page.has_more) == (["btcal_1"], False)


def test_campaigns(client: ElevenLabs, elevenlabs: Simulator) -> None:
    for place in range(3):
        elevenlabs.steer(
            "calls",
            {
                "conversation_id": f"c{place}",
                "campaign_id": "camp_1",
                "recipient_id": f"lead_{place}",
                "connected": place != 1,
                "dynamic_variables": {"name": "Ana"},
            },
        )
    outbound = client.conversational_ai.outbound_campaigns
    assert [one.campaign_id for one in outbound.list(channel="phone", mode="voice").campaigns] == ["camp_1"]
    assert (outbound.get("camp_1").channel, outbound.get("camp_1").mode) == ("phone", "voice")
    page = outbound.calls.list("camp_1", page_size=2)
    assert ([one.conversation_id for one in page.calls], page.has_more) == (["c0", None], True)
    rest = outbound.calls.list("camp_1", page_size=2, cursor=page.next_cursor)
    assert ([(one.lead_id, one.outcome) for one in rest.calls], rest.has_more) == (
        [("lead_2", "completed")],
        False,
    )
    leads = outbound.leads.list("camp_1").leads
    assert [(one.lead_id, one.dynamic_variables) for one in leads] == [
        (f"lead_{n}", {"name": "Ana"}) for n in range(3)
    ]
    batch = client.conversational_ai.conversations.get("c0").metadata.batch_call
    assert batch is not None
    assert batch.campaign is not None
    assert (batch.campaign.campaign_id, batch.campaign.campaign_lead_id) == ("camp_1", "lead_0")


def test_errors(client: ElevenLabs, elevenlabs: Simulator) -> None:
    conversations = client.conversational_ai.conversations

    def status(call: Callable[..., object], *arguments: object, **options: object) -> tuple[int | None, Any]:
        with pytest.raises(ApiError) as caught:
            call(*arguments, **options)
        return caught.value.status_code, caught.value.body["detail"]

    elevenlabs.steer("settings", {"strict": True})
    assert status(conversations.get, "conv_0")[0] == 404
    assert status(client.conversational_ai.batch_calls.get, "btcal_0")[0] == 404
    assert status(client.conversational_ai.agents.get, "agent_0")[1]["status"] == "agent_not_found"
    assert status(conversations.get_signed_url, agent_id="agent_0")[0] == 404
    assert status(conversations.get_signed_url, agent_id="")[0] == 422
    with httpx.Client() as http:
        stranger = ElevenLabs(api_key="wrong", base_url=elevenlabs.url, httpx_client=http)
        refused = status(stranger.conversational_ai.conversations.get, "c")
    assert refused == (401, {"status": "invalid_api_key", "message": "Invalid API key"})
    elevenlabs.fault("conversation-429", retry_after=0)
    refused = status(conversations.get, "c", request_options=_NO_RETRIES)
    assert (refused[0], refused[1]["status"]) == (429, "too_many_concurrent_requests")


def test_the_sdk_repeats_429(client: ElevenLabs, elevenlabs: Simulator) -> None:
    elevenlabs.fault("conversation-429", retry_after=0, count=1)
    assert client.conversational_ai.conversations.get("conv_any").status == "done"


async def test_the_async_client(elevenlabs: Simulator) -> None:
    async with httpx.AsyncClient() as http:
        client = AsyncElevenLabs(api_key=KEY, base_url=elevenlabs.url, httpx_client=http)
        assert (await client.conversational_ai.conversations.get("conv_any")).status == "done"
