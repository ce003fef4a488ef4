"""A batch's ended calls, as the backend would have reported them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from web.backfill_batch import ended_calls, with_result
from web.post_call import call_completed

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SINCE, UNTIL = AT - timedelta(hours=1), AT + timedelta(hours=1)


def batch(*recipients: object) -> dict[str, Any]:
    return {
        "id": "btcal_1",
        "name": "Octubre",
        "agent_id": "agent_1",
        "agent_name": "Ana",
        "phone_number_id": "phnum_1",
        "recipients": list(recipients),
    }


def recipient(**over: object) -> dict[str, Any]:
    at = int(AT.timestamp())
    known = {
        "id": "rcpt_1",
        "phone_number": "+573138539155",
        "conversation_id": "conv_1",
        "status": "completed",
        "created_at_unix": at,
        "updated_at_unix": at,
        "conversation_initiation_client_data": {"dynamic_variables": {"customer_name": "Ana García"}},
    }
    return known | over


def test_an_ended_call_is_told_as_the_backend_tells_it() -> None:
    (found,) = ended_calls(batch(recipient()), SINCE, UNTIL)
    call = found.call
    assert (call.event_id, call.key, call.client_name) == ("conv_1", "+573138539155", "Ana García")
    assert (call.batch_id, call.batch_name, call.agent_id, call.agent_name) == (
        "btcal_1",
        "Octubre",
        "agent_1",
        "Ana",
    )
    assert (call.phone_number_id, call.recipient.id, found.status, found.ended) == (
        "phnum_1",
        "rcpt_1",
        "completed",
        AT,
    )


@pytest.mark.parametrize(
    "unusable",
    [
        {"status": "in_progress"},
        {"status": "pending"},
        {"status": "cancelled"},
        {"conversation_id": None},
        {"phone_number": None},
        {"updated_at_unix": 0},
        {"updated_at_unix": None},
        {"updated_at_unix": 2 * 10**9},
        {"updated_at_unix": 10**18},
        {"updated_at_unix": -(10**18)},
    ],
)
def test_what_is_not_over_not_of_the_time_or_nobodys_is_left_out(unusable: dict[str, Any]) -> None:
    assert list(ended_calls(batch(recipient(**unusable), "nonsense"), SINCE, UNTIL)) == []


def test_calls_come_in_the_order_of_their_ends() -> None:
    late = recipient(conversation_id="conv_2", updated_at_unix=int(AT.timestamp()) + 5)
    assert [each.call.event_id for each in ended_calls(batch(late, recipient()), SINCE, UNTIL)] == [
        "conv_1",
        "conv_2",
    ]


@pytest.mark.parametrize(
    ("status", "result", "told"),
    [
        ("failed", "no_answer", "no_answer"),
        ("failed", "voicemail", "voicemail"),
        ("failed", "failed", "failed"),
        ("failed", None, "failed"),
        ("completed", "no_answer", "completed"),
        ("completed", "voicemail", "voicemail"),
    ],
)
def test_a_failed_call_says_whether_nobody_answered(status: str, result: str | None, told: str) -> None:
    (found,) = ended_calls(batch(recipient(status=status)), SINCE, UNTIL)
    conversation = {"metadata": {"phone_call": {"call_result": result} if result else None}}
    assert with_result(found, conversation).status == told
    assert with_result(found, None).status == status


_TOOL = {"tool_name": "voicemail_detection", "request_id": "1", "tool_has_been_called": True}
_MET_VOICEMAIL: list[dict[str, Any]] = [
    {"metadata": {"phone_call": {"call_result": "voicemail"}}},
    {
        "metadata": {"phone_call": {"call_result": "answered"}},
        "transcript": [{"role": "agent", "tool_calls": [_TOOL]}],
    },
    {
        "transcript": [
            None,
            {"role": "agent", "tool_calls": None},
            {"role": "agent", "tool_results": [None, _TOOL]},
        ]
    },
    {"metadata": {"features_usage": {"voicemail_detection": {"enabled": True, "used": True}}}},
    {"metadata": {"termination_reason": "Voicemail detected"}},
]
_HELD: list[dict[str, Any]] = [
    {},
    {
        "metadata": {
            "features_usage": {"voicemail_detection": {"enabled": True, "used": False}},
            "termination_reason": None,
        }
    },
    {"transcript": [{"role": "user", "message": "voicemail", "tool_calls": [{"tool_name": "end_call"}]}]},
    {"metadata": "none", "transcript": "none"},
]


@pytest.mark.parametrize(
    ("conversation", "told"),
    [*((each, "voicemail") for each in _MET_VOICEMAIL), *((each, "completed") for each in _HELD)],
)
def test_webhook_and_back_fill_agree_on_what_was_a_voicemail(conversation: dict[str, Any], told: str) -> None:
    (found,) = ended_calls(batch(recipient()), SINCE, UNTIL)
    body = call_completed("post_call_transcription", {"status": "done"} | conversation)
    assert body is not None
    assert (with_result(found, conversation).status, body["recipient"]["status"]) == (told, told)


@pytest.mark.parametrize(
    ("result", "told"), [("no_answer", "no_answer"), ("busy", "busy"), ("answered", "failed")]
)
def test_webhook_and_back_fill_agree_on_what_failed(result: str, told: str) -> None:
    (found,) = ended_calls(batch(recipient(status="failed")), SINCE, UNTIL)
    conversation = {"status": "failed", "metadata": {"phone_call": {"call_result": result}}}
    body = call_completed("post_call_transcription", conversation)
    assert body is not None
    assert (with_result(found, conversation).status, body["recipient"]["status"]) == (told, told)
