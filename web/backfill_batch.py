"""The ended calls of a batch as the backend's `call-completed` (pure), and the ids of events under way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from clients.kafka.partitions import recent_values
from db.readers.backfill import SPOOLED
from schemas.elevenlabs_call import ended_as
from schemas.errors import InvalidInput, Unavailable
from schemas.events import COMPLETED, CallCompleted, InboundMessage
from schemas.query import LATEST
from schemas.settings import Settings
from web.database import Database
from web.post_call import client_name

Json = dict[str, Any]

# ElevenLabs' statuses of a recipient after which a call is over; a cancelled one was never made.
_ENDED = frozenset({"completed", "failed", "voicemail", "no_response", "no_answer", "busy"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCall:
    """One call that is over. `call`: what the backend would have told us."""

    call: CallCompleted
    ended: datetime

    @property
    def status(self) -> str:
        return self.call.status


def ended_calls(
    batch: Json, since: datetime, until: datetime, country: Mapping[str, object] | None = None
) -> Iterator[EndedCall]:
    """Yield a batch's calls that ended in [since, until] (aware) and have a number, oldest first."""
    recipients = [each for each in batch.get("recipients") or [] if isinstance(each, dict)]
    for recipient in sorted(recipients, key=_updated):
        at = datetime.fromtimestamp(_updated(recipient), UTC)
        if recipient.get("status") not in _ENDED or not since <= at <= until:
            continue
        try:
            call = CallCompleted.from_object(_body(batch, recipient), country)
        except InvalidInput:  # called over WhatsApp: nobody to write to
            continue
        if call.recipient.conversation_id or call.status != COMPLETED:
            yield EndedCall(call=call, ended=at)


def with_result(ended: EndedCall, conversation: Json | None) -> EndedCall:
    """Tell voicemails from calls that were held, and calls nobody took from those that could not be made."""
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
        "batch_id": batch.get("id"),
        "batch_name": batch.get("name"),
        "agent_id": batch.get("agent_id"),
        "agent_name": batch.get("agent_name"),
        "phone_number_id": batch.get("phone_number_id"),
        "recipient": {name: recipient.get(name) for name in names},
        "call_metadata": {"client_name": client_name(variables if isinstance(variables, dict) else {})},
        "source": "elevenlabs-backfill",
    }


log = structlog.get_logger()

# A record's time in Kafka is by our clock, times in the lists are by the vendors'.
_LOG_MARGIN = timedelta(minutes=1)
_READ_SECONDS = 10.0


async def ids_under_way(
    settings: Settings,
    database: Database,
    topic: str,
    model: type[CallCompleted] | type[InboundMessage],
    since: datetime,
) -> set[str]:
    """Return the ids of a topic's events since a time. Without Kafka, fewer: some are published again.

    Raises:
        Unavailable: Postgres does not answer.
    """
    spooled = await database.bounded_rows(_READ_SECONDS, SPOOLED, topic)
    ids = {_id_of(model, value, settings.country) for value in spooled}
    try:
        async for value in recent_values(settings, topic, since - _LOG_MARGIN):
            ids.add(_id_of(model, value, settings.country))
    except Unavailable:
        log.warning(
            "the log could not be read, its events may be published again under their ids", topic=topic
        )
    return ids


def _id_of(
    model: type[CallCompleted] | type[InboundMessage], value: bytes, country: Mapping[str, object]
) -> str:
    try:
        return model.from_json(value, country).event_id
    except InvalidInput:
        return ""
