"""A post-call webhook as the backend's `call-completed`, where it stands in for it (ELEVENLABS_POST_CALL). Pure."""

from typing import Any

from schemas.elevenlabs_call import FAILED, ended_as
from schemas.events import COMPLETED

Json = dict[str, Any]

# ElevenLabs' reasons of `call_initiation_failure`, as statuses of a recipient.
_FAILURES = {"busy": "busy", "no-answer": "no_answer"}
# Names that agents' variables commonly have for the client's name, the most telling first.
_NAMES = ("client_name", "customer_name", "user_name", "nombre", "name")


def call_completed(kind: str, data: Json) -> Json | None:
    """Return the body of `call-completed`; None for events of other kinds. What is missing in it is found by its check."""
    if kind == "post_call_transcription":
        told = FAILED if data.get("status") == FAILED else COMPLETED
        return _body(data, _number(data), ended_as(told, data))
    if kind == "call_initiation_failure":
        call = _child(_child(data, "metadata"), "body")
        status = _FAILURES.get(str(data.get("failure_reason")), FAILED)
        return _body(data, call.get("To") or call.get("to_number"), status)
    return None


def _body(data: Json, number: object, status: str) -> Json:
    batch = _child(_child(data, "metadata"), "batch_call")
    campaign = _child(batch, "campaign")
    variables = _child(_child(data, "conversation_initiation_client_data"), "dynamic_variables")
    recipient = {
        "phone_number": number,
        "conversation_id": data.get("conversation_id"),
        "status": status,
        "id": campaign.get("campaign_lead_id") or batch.get("batch_call_recipient_id"),
    }
    return {
        "agent_id": data.get("agent_id"),
        "agent_name": data.get("agent_name"),
        "batch_id": campaign.get("campaign_id") or batch.get("batch_call_id"),
        "recipient": recipient,
        "call_metadata": {"client_name": client_name(variables)},
        "source": "elevenlabs-post-call",
    }


def client_name(variables: Json) -> str | None:
    """Return the client's name out of a call's dynamic variables."""
    return next((variables[key] for key in _NAMES if isinstance(variables.get(key), str)), None)


def _number(data: Json) -> object:
    return _child(_child(data, "metadata"), "phone_call").get("external_number")


def _child(parsed: Json, key: str) -> Json:
    found = parsed.get(key)
    return found if isinstance(found, dict) else {}
