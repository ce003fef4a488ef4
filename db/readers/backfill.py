"""What the back-fill compares the vendors' lists with. Times are aware, UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from db.queries import Query, load

_sql = load("backfill")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How far a vendor is checked. `begun_at`: the first look; `checked_until`: all before it is fetched."""

    begun_at: datetime
    checked_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStatus:
    """How far a message of ours is known to have come."""

    sid: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSend:
    """A message that the vendor may or may not have: nobody knows."""

    own_id: UUID
    to_address: str
    body: str
    is_template: bool
    intended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWithoutDetails:
    """A call about which something is not known. Its id is ElevenLabs'."""

    elevenlabs_conversation_id: str
    call_summary: str | None
    call_duration_secs: int | None


def _checked(*, begun_at: datetime, checked_until: datetime) -> Checked:
    return Checked(begun_at=_aware(begun_at), checked_until=_aware(checked_until))


def _event_id(*, event_id: str) -> str:
    return event_id


def _batch_id(*, batch_id: str) -> str:
    return batch_id


def _value(*, value: bytes) -> bytes:
    return value


def _phone_number(*, phone_number: str) -> str:
    return phone_number


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


START: Final = Query(_sql.start, _checked)
CLAIM: Final = Query(_sql.claim, _checked)
KNOWN_MESSAGES: Final = Query(_sql.known_messages, _event_id)
KNOWN_CALLS: Final = Query(_sql.known_calls, _event_id)
KNOWN_BATCHES: Final = Query(_sql.known_batches, _batch_id)
SPOOLED: Final = Query(_sql.spooled, _value)
SENDS: Final = Query(_sql.sends, KnownStatus)
UNKNOWN_SENDS: Final = Query(_sql.unknown_sends, UnknownSend)
CALLS_WITHOUT_DETAILS: Final = Query(_sql.calls_without_details, CallWithoutDetails)
LACKS_DETAILS: Final = Query(_sql.call_details, _phone_number)
