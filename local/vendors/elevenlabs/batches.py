"""A batch of calls, made of the calls that belong to it. Pure."""

from typing import Any

from local.vendors.elevenlabs.calls import Call

_RECIPIENT_STATUS = {"done": "completed", "failed": "failed", "processing": "completed", "in-progress": "in_progress"}


def batch_json(batch_id: str, calls: list[Call]) -> dict[str, Any]:
    """Return `GET /v1/convai/batch-calling/{id}`."""
    first = int(min(call.began for call in calls))
    recipients = [_recipient(index, call) for index, call in enumerate(calls)]
    over = all(one["status"] in ("completed", "failed") for one in recipients)
    return {
        "id": batch_id, "name": "Campaña", "agent_id": calls[0].agent_id, "agent_name": calls[0].agent_name,
        "phone_number_id": "phnum_sim", "phone_provider": "twilio", "status": "completed" if over else "in_progress",
        "created_at_unix": first, "scheduled_time_unix": first, "last_updated_at_unix": first, "timezone": None,
        "total_calls_dispatched": len(calls), "total_calls_scheduled": len(calls), "total_calls_finished": len(calls),
        "retry_count": 0, "telephony_call_config": {"ringing_timeout_secs": 60}, "recipients": recipients,
    }  # fmt: skip


def _recipient(index: int, call: Call) -> dict[str, Any]:
    return {
        "id": call.recipient_id or f"rcpt_{index}", "phone_number": call.phone_number, "whatsapp_user_id": None,
        "status": _RECIPIENT_STATUS.get(call.status_now, "pending"), "created_at_unix": int(call.began),
        "updated_at_unix": int(call.began), "conversation_id": call.conversation_id,
        "conversation_initiation_client_data": {"dynamic_variables": call.dynamic_variables},
    }  # fmt: skip
