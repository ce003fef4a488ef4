"""The live record of one conversation: pure, and idempotent by the events' numbers.

A record is plain JSON, because Faust's table keeps it: see `empty` for its keys. `days` holds what the conversation
adds to each day's totals, `calls` what became of each call; sums over records are therefore the totals, however often an
event was delivered. Events have no gaps, so a record that missed one knows it (`gap`), and is made again from Postgres.
"""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from schemas.errors import InvalidInput
from streams.stats import calls, days
from streams.stats.days import DAYS_KEPT
from streams.stats.times import day_of, microseconds, time_in, utc
from streams.stats.told import Told

Record = dict[str, Any]

# The width of the contract's columns, and what a table that is held in memory should keep of a name.
_LONGEST_TEXT = 255

ERASED = "erased"
"""The status of a record that is to be forgotten."""


def apply(record: Record | None, event: Told, zone: tzinfo, kept: int = DAYS_KEPT) -> Record:
    """Give the record after an event; a repeated or older event gives the very same record.

    `zone`: where the day of the statistics turns. `kept`: how many days, the newest included, a record holds. A
    conversation whose row was erased and made again has a higher id: it begins with an empty record.

    Raises:
        InvalidInput: a time or a number that cannot be counted.
    """
    if event.number < 1:
        raise InvalidInput("number", "counts from 1")
    if record is None or event.conversation_id > record["conversation_id"]:
        record = empty(event.conversation_id, event.phone_number)
    elif event.conversation_id < record["conversation_id"] or event.number <= record["number"]:
        return record
    changed = {**record, "number": event.number, "gap": record["gap"] or event.number > record["number"] + 1}
    if (handle := _HANDLERS.get(event.type)) is not None:
        handle(changed, event, utc(event.at), zone)
    if event.status is not None and event.type != ERASED:
        changed["status"] = event.status
    changed["calls"] = calls.after(changed["calls"], event)
    return pruned(changed, kept)


def empty(conversation_id: int, phone_number: str) -> Record:
    """Give the record of a conversation of which nothing has been told."""
    return {
        "conversation_id": conversation_id,
        "phone_number": phone_number,
        "number": 0,  # of the last event counted
        "gap": False,  # whether an event before it was not
        "status": "active",
        "client_name": None,
        "agent_id": None,
        "batch_id": None,
        "group_id": None,
        "started_at": None,  # ISO 8601, UTC, as all times here
        "started_day": None,
        "last_activity": None,  # of a call's beginning, a message's coming or a message's acceptance
        "waiting_since": None,  # when the oldest message came that no message of ours followed
        "received": 0,
        "sent": 0,
        "failed": 0,
        "days": {},
        "calls": [],
    }


def pruned(record: Record, kept: int, newest: str | None = None) -> Record:
    """Give the record without days that are no longer kept; `newest` where it is not the record's own newest."""
    if not record["days"] or (newest is None and len(record["days"]) == 1):
        return record
    oldest = days.oldest_kept(max(newest or "", max(record["days"])), kept)
    return {**record, "days": days.kept_days(record["days"], oldest), "calls": calls.kept_calls(record["calls"], oldest)}


def is_over(record: Record, before: str) -> bool:
    """Tell whether a conversation ended before a time (ISO 8601, UTC)."""
    return record["status"] == "closed" and (record["last_activity"] or "") < before


def _started(record: Record, event: Told, at: datetime, zone: tzinfo) -> None:
    row = event.data.get("row") or event.data
    began = time_in(row, "started_at", at)
    day = day_of(began, zone)
    names = ("client_name", "agent_id", "batch_id", "group_id")
    record.update({name: _short(event.data.get(name)) for name in names})
    record.update(status="active", started_at=began.isoformat(), started_day=day)
    record["days"] = days.with_flag(record["days"], day, "started")
    record["calls"] = [*record["calls"], calls.begun(event, day)]
    _active_at(record, began)


def _received(record: Record, event: Told, at: datetime, zone: tzinfo) -> None:
    """A message belongs to the day on which it came, as in Postgres; it may have been taken up later."""
    came = time_in(event.data, "received_at", at)
    record["received"] += 1
    record["waiting_since"] = min(record["waiting_since"] or came.isoformat(), came.isoformat())
    if record["status"] == "closed":  # a client who writes opens the conversation again
        record["status"] = "active"
    record["days"] = days.with_counts(record["days"], day_of(came, zone), received=1)
    if record["started_day"] in record["days"]:
        record["days"] = days.with_flag(record["days"], record["started_day"], "answered")
    _active_at(record, came)


def _sent(record: Record, event: Told, at: datetime, zone: tzinfo) -> None:
    accepted = time_in(event.data, "sent_at", at)
    day = day_of(accepted, zone)
    record["sent"] += 1
    record["waiting_since"] = None
    record["days"] = days.with_counts(record["days"], day, sent=1)
    if (seconds := event.data.get("response_seconds")) is not None:
        record["days"] = days.with_response(record["days"], day, microseconds(seconds))
    _active_at(record, accepted)


def _failed(record: Record, event: Told, at: datetime, zone: tzinfo) -> None:
    record["failed"] += 1
    record["days"] = days.with_counts(record["days"], day_of(at, zone), failed=1)


def _status(record: Record, event: Told, at: datetime, zone: tzinfo) -> None:
    record["status"] = event.type


def _resumed(record: Record, event: Told, at: datetime, zone: tzinfo) -> None:
    record["status"] = "active"


_HANDLERS: dict[str, Callable[[Record, Told, datetime, tzinfo], None]] = {
    "started": _started,
    "received": _received,
    "sent": _sent,
    "failed": _failed,
    "closed": _status,
    "escalated": _status,
    ERASED: _status,
    "resumed": _resumed,
}


def _active_at(record: Record, at: datetime) -> None:
    record["last_activity"] = max(record["last_activity"] or "", at.isoformat())


def _short(value: object) -> str | None:
    return None if value is None else str(value)[:_LONGEST_TEXT]
