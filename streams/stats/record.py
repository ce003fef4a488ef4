"""The live record of one conversation: pure, and idempotent by the events' numbers."""

from datetime import date, timedelta, tzinfo
from typing import Any

from schemas.events import ConversationEvent

Record = dict[str, Any]

# Yesterday is asked for around midnight, a week by those who look back; older days are in Postgres.
_DAYS_KEPT = 8


def apply(record: Record | None, event: ConversationEvent, zone: tzinfo) -> Record:
    """Give the record after an event; a repeated event, or an older one, changes nothing."""
    record = record or _empty(event)
    if event.number <= record["number"]:
        return record
    day = event.at.astimezone(zone).date()
    days = {name: dict(counts) for name, counts in record["days"].items() if name > _oldest(day)}
    counts = days.setdefault(day.isoformat(), _no_counts())
    changed = {**record, "number": event.number, "last_activity": event.at.isoformat(), "days": days}
    _HANDLERS.get(event.type, _nothing)(changed, counts, event)
    return changed


def _oldest(day: date) -> str:
    return (day - timedelta(days=_DAYS_KEPT)).isoformat()


def _empty(event: ConversationEvent) -> Record:
    return {
        "conversation_id": event.conversation_id, "phone_number": event.phone_number, "number": 0, "status": "active",
        "client_name": None, "agent_id": None, "batch_id": None, "group_id": None, "started_at": None,
        "last_activity": None, "waiting_since": None, "received": 0, "sent": 0, "failed": 0, "days": {},
    }  # fmt: skip


def _no_counts() -> dict[str, Any]:
    return {"started": 0, "received": 0, "sent": 0, "failed": 0, "response_seconds": 0.0, "responses": 0}


def _started(record: Record, counts: Record, event: ConversationEvent) -> None:
    record.update({name: event.data.get(name) for name in ("client_name", "agent_id", "batch_id", "group_id")})
    record.update(status="active", started_at=event.at.isoformat())
    counts["started"] = 1


def _received(record: Record, counts: Record, event: ConversationEvent) -> None:
    record["received"] += 1
    record["waiting_since"] = record["waiting_since"] or event.at.isoformat()
    counts["received"] += 1


def _sent(record: Record, counts: Record, event: ConversationEvent) -> None:
    record["sent"] += 1
    record["waiting_since"] = None
    counts["sent"] += 1
    seconds = event.data.get("response_seconds")
    if seconds is not None:
        counts["response_seconds"] += float(seconds)
        counts["responses"] += 1


def _failed(record: Record, counts: Record, event: ConversationEvent) -> None:
    record["failed"] += 1
    record["waiting_since"] = None
    counts["failed"] += 1


def _closed(record: Record, counts: Record, event: ConversationEvent) -> None:
    record["status"] = event.type


def _nothing(record: Record, counts: Record, event: ConversationEvent) -> None:
    """Other events change only the time of the last activity."""


_HANDLERS = {
    "started": _started,
    "received": _received,
    "sent": _sent,
    "failed": _failed,
    "closed": _closed,
    "escalated": _closed,
}
