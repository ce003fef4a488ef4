"""The ended calls of a batch as the backend's `call-completed`. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from schemas.elevenlabs_call import ended_as
from schemas.errors import InvalidInput
from schemas.events import COMPLETED, CallCompleted
from schemas.times import LATEST
from web.post_call_event import client_name

Json = dict[str, Any]

# ElevenLabs' statuses of a recipient after which a call is over; a cancelled one was never made.
_ENDED = frozenset({"completed", "failed", "voicemail", "no_response", "no_answer", "busy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCall:
    """One call that is over. `call`: what the backend would have told of it."""

    call: CallCompleted
    ended: datetime

    @property
    def status(self) -> str:
        return self.call.status


def ended_calls(batch: Json, since: datetime, until: datetime) -> Iterator[EndedCall]:
    """Return a batch's calls that ended in [since, until] (aware), oldest first; those without a number are left out."""
    recipients = [each for each in batch.get("recipients") or [] if isinstance(each, dict)]
    for recipient in sorted(recipients, key=_updated):
        at = datetime.fromtimestamp(_updated(recipient), UTC)
        if recipient.get("status") not in _ENDED or not since <= at <= until:
            continue
        try:
            call = CallCompleted.from_object(_body(batch, recipient))
        except InvalidInput:  # called over WhatsApp: nobody to write to
            continue
        if call.recipient.conversation_id or call.status != COMPLETED:
            yield EndedCall(call=call, ended=at)


def with_result(ended: EndedCall, conversation: Json | None) -> EndedCall:
    """Distinguish voicemails from calls that were held, and calls nobody took from such as could not be made."""
    status = ended_as(ended.status, conversation or {})
    if status == ended.status:
        return ended
    recipient = ended.call.recipient.model_copy(update={"status": status})
    return replace(ended, call=ended.call.model_copy(update={"recipient": recipient}))


def _updated(recipient: Json) -> int:
    at = recipient.get("updated_at_unix")
    return at if isinstance(at, int) and 0 <= at <= LATEST.timestamp() else 0


def _body(batch: Json, recipient: Json) -> Json:
    names = ("id", "phone_number", "status", "conversation_id", "created_at_unix", "updated_at_unix")
    data = recipient.get("conversation_initiation_client_data")
    variables = data.get("dynamic_variables") if isinstance(data, dict) else None
    return {
        "batch_id": batch.get("id"), "batch_name": batch.get("name"), "agent_id": batch.get("agent_id"),
        "agent_name": batch.get("agent_name"), "phone_number_id": batch.get("phone_number_id"),
        "recipient": {name: recipient.get(name) for name in names},
        "call_metadata": {"client_name": client_name(variables if isinstance(variables, dict) else {})},
        "source": "elevenlabs-backfill",
    }  # fmt: skip
