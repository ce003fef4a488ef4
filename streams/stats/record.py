"""The live record of one conversation: pure, and idempotent by the events' numbers.

A record is plain JSON, because Faust's table keeps it: see `_empty` for its keys. `days` holds what the conversation
adds to each day's totals; sums over records are therefore the totals, however often an event was delivered.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from schemas.errors import InvalidInput
from schemas.events import ConversationEvent

Record = dict[str, Any]
Days = dict[str, dict[str, int]]

# Today is asked for, yesterday around midnight; a week lets people look back. Older days are in Postgres.
DAYS_KEPT = 8
COUNTS = ("started", "answered", "received", "sent", "failed", "response_microseconds", "response_count")
"""What a day counts. `started`, `answered`: 0 or 1. Whole microseconds, because sums of floats depend on their order."""

ERASED = "erased"
"""The status of a record that is to be forgotten."""

_MICROSECONDS = 1_000_000


def apply(record: Record | None, event: ConversationEvent, zone: tzinfo) -> Record:
    """Give the record after an event; a repeated or older event gives the very same record.

    `zone`: where the day of the statistics turns. A conversation whose row was erased and made again has a higher id:
    it begins with an empty record.

    Raises:
        InvalidInput: a time or a number that cannot be counted.
    """
    if event.number < 1:
        raise InvalidInput("number", "counts from 1")
    if record is None or event.conversation_id > record["conversation_id"]:
        record = _empty(event)
    elif event.conversation_id < record["conversation_id"] or event.number <= record["number"]:
        return record
    at = _utc(event.at)
    days = {name: dict(counts) for name, counts in record["days"].items()}
    changed = {**record, "number": event.number, "last_activity": at.isoformat(), "days": days}
    _HANDLERS.get(event.type, _nothing)(changed, event, _day(at, zone), zone)
    changed["days"] = _kept(days)
    return changed


def _empty(event: ConversationEvent) -> Record:
    return {
        "conversation_id": event.conversation_id,
        "phone_number": event.phone_number,
        "number": 0,  # of the last event counted
        "status": "active",
        "client_name": None,
        "agent_id": None,
        "batch_id": None,
        "group_id": None,
        "started_at": None,  # ISO 8601, UTC, as all times here
        "started_day": None,
        "last_activity": None,
        "waiting_since": None,  # when the oldest message came that no message of ours followed
        "received": 0,
        "sent": 0,
        "failed": 0,
        "days": {},
    }


def _started(record: Record, event: ConversationEvent, day: str, zone: tzinfo) -> None:
    record.update({name: event.data.get(name) for name in ("client_name", "agent_id", "batch_id", "group_id")})
    record.update(status="active", started_at=_utc(event.at).isoformat(), started_day=day)
    _counts(record, day)["started"] = 1


def _received(record: Record, event: ConversationEvent, day: str, zone: tzinfo) -> None:
    """A message belongs to the day on which it came, as in Postgres; it may have been taken up later."""
    came = _utc(_time(event.data.get("received_at"), event.at))
    record["received"] += 1
    record["waiting_since"] = record["waiting_since"] or came.isoformat()
    if record["status"] == "closed":  # a client who writes opens the conversation again
        record["status"] = "active"
    _counts(record, _day(came, zone))["received"] += 1
    if record["started_day"] in record["days"]:
        _counts(record, record["started_day"])["answered"] = 1


def _sent(record: Record, event: ConversationEvent, day: str, zone: tzinfo) -> None:
    record["sent"] += 1
    record["waiting_since"] = None
    counts = _counts(record, day)
    counts["sent"] += 1
    seconds = event.data.get("response_seconds")
    if seconds is not None:
        counts["response_microseconds"] += _microseconds(seconds)
        counts["response_count"] += 1


def _failed(record: Record, event: ConversationEvent, day: str, zone: tzinfo) -> None:
    record["failed"] += 1
    _counts(record, day)["failed"] += 1


def _status(record: Record, event: ConversationEvent, day: str, zone: tzinfo) -> None:
    record["status"] = event.type


def _resumed(record: Record, event: ConversationEvent, day: str, zone: tzinfo) -> None:
    record["status"] = "active"


def _nothing(record: Record, event: ConversationEvent, day: str, zone: tzinfo) -> None:
    """Other events change only the time of the last activity."""


_HANDLERS: dict[str, Callable[[Record, ConversationEvent, str, tzinfo], None]] = {
    "started": _started,
    "received": _received,
    "sent": _sent,
    "failed": _failed,
    "closed": _status,
    "escalated": _status,
    ERASED: _status,
    "resumed": _resumed,
}


def _counts(record: Record, day: str) -> dict[str, int]:
    counts: dict[str, int] = record["days"].setdefault(day, dict.fromkeys(COUNTS, 0))
    return counts


def _kept(days: Days) -> Days:
    if len(days) <= 1:
        return days
    oldest = date.fromisoformat(max(days)) - timedelta(days=DAYS_KEPT - 1)
    return {name: counts for name, counts in days.items() if name >= oldest.isoformat()}


def _utc(at: datetime) -> datetime:
    """Times without a zone are UTC, as everywhere in the service."""
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput("at", "out of range") from error


def _day(at: datetime, zone: tzinfo) -> str:
    try:
        return at.astimezone(zone).date().isoformat()
    except OverflowError as error:
        raise InvalidInput("at", "out of range") from error


def _time(text: object, otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else otherwise
    except ValueError as error:
        raise InvalidInput("data.received_at", "not a time") from error


def _microseconds(seconds: object) -> int:
    try:
        return round(float(seconds) * _MICROSECONDS)  # type: ignore[arg-type]  # refused below when it is no number
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput("data.response_seconds", "not a number of seconds") from error
