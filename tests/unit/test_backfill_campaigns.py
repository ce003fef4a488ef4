"""Campaigns' calls, in the form of a batch's."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from clients.elevenlabs.api import ElevenLabsApi
from clients.elevenlabs.campaigns import ElevenLabsCampaigns
from clients.elevenlabs.errors import VENDOR, Forbidden, NotThere
from schemas.errors import RetryableError
from schemas.events import UNCONNECTED
from web.backfill_batch import ended_calls
from web.post_call import call_completed

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SINCE, UNTIL = AT - timedelta(hours=1), AT + timedelta(hours=1)
CAMPAIGN = {
    "campaign_id": "camp_1",
    "call_name": "Octubre",
    "agent_id": "agent_1",
    "agent_name": "Ana",
    "channel": "phone",
    "mode": "voice",
    "channel_config": {"channel": "phone", "agent_phone_number_id": "phnum_1"},
    "updated_at_unix": 7,
}


class Api:
    """Answers by path, two items a page."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = {
            f"/v1/convai/outbound-campaigns/campaigns{path}": answer for path, answer in answers.items()
        }

    async def get(self, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self.answers.get(path, NotThere(VENDOR, "not there", 404))
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, tuple):
            return cast(dict[str, Any], answer)
        name, rows = answer
        begin = int((params or {}).get("cursor", 0))
        more = len(rows) > begin + 2
        return {
            name: rows[begin : begin + 2],
            "has_more": more,
            "next_cursor": str(begin + 2) if more else None,
        }


def campaigns(**answers: Any) -> ElevenLabsCampaigns:  # noqa: ANN401 - a vendor's JSON
    return ElevenLabsCampaigns(
        cast(ElevenLabsApi, Api({path.replace("_", "/"): each for path, each in answers.items()}))
    )


def line(lead: str, **over: object) -> dict[str, Any]:
    known = {
        "lead_id": lead,
        "phone_number": "+573138539155",
        "conversation_id": f"conv_{lead}",
        "outcome": "completed",
        "call_result": "answered",
        "outcome_at_unix": int(AT.timestamp()),
    }
    return known | over


async def test_its_calls_are_told_as_the_backend_tells_them() -> None:
    calls = [
        line("l1"),
        line("l2", call_result="voicemail"),
        line("l3", outcome="failed", call_result="no_answer"),
        line("l4", outcome=None, call_result=None, outcome_at_unix=None),
        line("l5", outcome="failed", call_result=None, conversation_id=None),
    ]
    leads = [
        {"lead_id": f"l{place}", "dynamic_variables": {"nombre": f"Ana {place}"}} for place in range(1, 5)
    ]
    found = await campaigns(
        _camp1=CAMPAIGN, _camp1_calls=("calls", calls), _camp1_leads=("leads", leads)
    ).find("camp1")
    assert found is not None
    ended = list(ended_calls(found, SINCE, UNTIL))
    assert [(each.call.recipient.id, each.status) for each in ended] == [
        ("l1", "completed"),
        ("l2", "voicemail"),
        ("l3", "no_answer"),
        ("l5", "failed"),
    ]
    first, *_, last = (each.call for each in ended)
    assert (first.event_id, first.client_name) == ("conv_l1", "Ana 1")
    assert (first.batch_id, first.batch_name) == ("camp_1", "Octubre")
    assert (first.agent_id, first.phone_number_id, first.key) == ("agent_1", "phnum_1", "+573138539155")
    assert (last.event_id.startswith(UNCONNECTED), last.client_name) == (True, "Cliente")


async def test_a_leads_attempts_that_never_connected_are_one_call_and_the_webhook_names_the_same_lead() -> (
    None
):
    calls = [
        line("l1", outcome="failed", conversation_id=None, call_result=result)
        for result in ("busy", "no_answer")
    ]
    found = await campaigns(_camp1=CAMPAIGN, _camp1_calls=("calls", calls), _camp1_leads=("leads", [])).find(
        "camp1"
    )
    assert found is not None
    assert len({each.call.event_id for each in ended_calls(found, SINCE, UNTIL)}) == 1
    batch = {
        "batch_call_id": "btcal_9",
        "batch_call_recipient_id": "rcpt_9",
        "campaign": {"campaign_id": "camp_1", "campaign_lead_id": "l1"},
    }
    told = call_completed("post_call_transcription", {"metadata": {"batch_call": batch}})
    assert told is not None
    assert (told["batch_id"], told["recipient"]["id"]) == ("camp_1", "l1")


@pytest.mark.parametrize("over", [{"mode": "message"}, {"channel": "whatsapp"}])
async def test_campaigns_that_call_nobody_have_no_calls(over: dict[str, str]) -> None:
    assert await campaigns(_camp1=CAMPAIGN | over).find("camp1") is None


async def test_what_is_not_there_or_may_not_be_seen_is_none() -> None:
    for absent in (NotThere(VENDOR, "no such route", 404), Forbidden(VENDOR, "missing permissions", 401)):
        lists = campaigns(**{"": absent, "_camp1": absent})
        assert (await lists.find("camp1"), [each async for each in lists.all()]) == (None, [])


async def test_all_of_them_are_listed_page_by_page() -> None:
    rows = [CAMPAIGN | {"campaign_id": f"camp_{place}"} for place in range(5)]
    assert [each.batch_id async for each in campaigns(**{"": ("campaigns", rows)}).all()] == [
        f"camp_{n}" for n in range(5)
    ]
    with pytest.raises(RetryableError, match="not understood"):
        [each async for each in campaigns(**{"": ("campaigns", [{"campaign_id": "x"}])}).all()]
