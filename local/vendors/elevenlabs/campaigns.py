"""An outbound campaign, built from the calls that belong to it. Pure."""

from typing import Any

from local.vendors.elevenlabs.calls import Call

Json = dict[str, Any]

_OUTCOMES = {"done": "completed", "failed": "failed", "processing": "completed"}
_RECIPIENT_STATUS = {
    "done": "completed",
    "failed": "failed",
    "processing": "completed",
    "in-progress": "in_progress",
}


def campaign_json(campaign_id: str, calls: list[Call]) -> Json:
    """Return `GET /v1/convai/outbound-campaigns/campaigns/{id}`."""
    first = int(min(call.began for call in calls))
    return {
        "campaign_id": campaign_id,
        "call_name": "Campaña",
        "agent_id": calls[0].agent_id,
        "agent_name": calls[0].agent_name,
        "channel_config": {"channel": "phone", "agent_phone_number_id": "phnum_sim"},
        "status": "active",
        "policy": {},
        "variant": "fixed",
        "source": "api",
        "created_at_unix": first,
        "scheduled_time_unix": first,
        "updated_at_unix": int(max(call.began for call in calls)),
        "branch_id": None,
        "environment": None,
        "target_concurrency_limit": None,
        "channel": "phone",
        "mode": "voice",
        "counts": {"leads": len(calls), "terminal_leads": 0, "open_attention": 0, "delivery": None},
    }


def call_json(place: int, call: Call) -> Json:
    """Return a line of `…/{id}/calls`."""
    outcome = _OUTCOMES.get(call.status_now)
    return {
        "intent_id": f"intent_{place}",
        "lead_id": call.recipient_id or f"lead_{place}",
        "intent_type": "initial",
        "cold_attempt": 1,
        "status": "completed" if outcome else "submitted",
        "phone_number": call.phone_number,
        "scheduled_time_unix": int(call.began),
        "conversation_id": call.conversation_id if call.connected else None,
        "outcome": outcome,
        "call_result": call.call_result if outcome else None,
        "outcome_at_unix": int(call.began) if outcome else None,
        "decision_disposition": None,
        "collected_dynamic_variables": None,
        "delivery": None,
    }


def lead_json(place: int, call: Call) -> Json:
    """Return a line of `…/{id}/leads`."""
    return {
        "lead_id": call.recipient_id or f"lead_{place}",
        "recipient_id": None,
        "phone_number": call.phone_number,
        "phone_numbers": None,
        "phone_numbers_index": 0,
        "user_id": call.phone_number,
        "attempt_count": 1,
        "failure_count": 0,
        "callback_count": 0,
        "redirect_count": 0,
        "do_not_call": False,
        "terminal_disposition": None,
        "created_at_unix": int(call.began),
        "updated_at_unix": int(call.began),
        "dynamic_variables": call.dynamic_variables,
        "overrides": {},
        "delivery": None,
    }


def batch_json(batch_id: str, calls: list[Call]) -> dict[str, Any]:
    """Return `GET /v1/convai/batch-calling/{id}`."""
    first = int(min(call.began for call in calls))
    recipients = [_recipient(index, call) for index, call in enumerate(calls)]
    over = all(one["status"] in ("completed", "failed") for one in recipients)
    return {
        "id": batch_id,
        "name": "Campaña",
        "agent_id": calls[0].agent_id,
        "agent_name": calls[0].agent_name,
        "phone_number_id": "phnum_sim",
        "phone_provider": "twilio",
        "status": "completed" if over else "in_progress",
        "created_at_unix": first,
        "scheduled_time_unix": first,
        "last_updated_at_unix": first,
        "timezone": None,
        "total_calls_dispatched": len(calls),
        "total_calls_scheduled": len(calls),
        "total_calls_finished": len(calls),
        "retry_count": 0,
        "telephony_call_config": {"ringing_timeout_secs": 60},
        "recipients": recipients,
    }


def _recipient(index: int, call: Call) -> dict[str, Any]:
    return {
        "id": call.recipient_id or f"rcpt_{index}",
        "phone_number": call.phone_number,
        "whatsapp_user_id": None,
        "status": _RECIPIENT_STATUS.get(call.status_now, "pending"),
        "created_at_unix": int(call.began),
        "updated_at_unix": int(call.began),
        "conversation_id": call.conversation_id,
        "conversation_initiation_client_data": {"dynamic_variables": call.dynamic_variables},
    }
