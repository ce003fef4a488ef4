"""The live record of one conversation: pure, and idempotent by the events' numbers.

A record is plain JSON, because Faust's table keeps it; see `empty` for its keys. `days` holds what the
conversation adds to each day's totals, `calls` what became of each call. Sums over records are therefore the
totals, however often an event was delivered. Events have no gaps, so a record that missed one knows it
(`gap`), and is remade from Postgres.

It takes from the events only what the statistics show, and no texts: what may happen is up to the rules.
"""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from schemas.errors import InvalidInput
from streams.stats import calls, days
from streams.stats.days import DAYS_KEPT
from streams.stats.event import Event, day_of, microseconds, time_in, utc

Record = dict[str, Any]

# The width of the contract's columns, and the most of a name that a table held in memory should keep.
_LONGEST_TEXT = 255

ERASED = "erased"
"""The status of a record that is to be forgotten."""


def apply(record: Record | None, event: Event, zone: tzinfo, kept: int = DAYS_KEPT) -> Record:
    """Return the record after an event; a repeated or older event returns the very same record.

    `zone`: where the statistics' day turns. `kept`: how many days a record holds, including the newest. A
    conversation whose row was erased and made again has a higher id and begins with an empty record.

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
    """Return the record of a conversation of which nothing has been told yet."""
    return {
        "conversation_id": conversation_id,
        "phone_number": phone_number,
        "number": 0,  # of the last event counted
        "gap": False,  # whether one before it was not counted
        "status": None,  # None: it has not begun, its client waits for a call
        "client_name": None,
        "agent_id": None,
        "batch_id": None,
        "group_id": None,
        "started_at": None,  # ISO 8601, UTC, as all times here
        "started_day": None,
        "last_activity": None,  # of a call's beginning, or a message's arrival or acceptance
        "waiting_since": None,  # when the oldest message came that none of ours has followed
        "received": 0,
        "sent": 0,
        "failed": 0,
        "days": {},
        "calls": [],
        # and `parked`, while messages wait for the conversation to begin: id and time of each
    }


def rank(record: Record) -> tuple[int, int]:
    """Return a key that is greater the more events of its number a record knows of."""
    return record["conversation_id"], record["number"]


def latest(known: Record | None, told: Record) -> Record:
    """Return the one that knows of more: a process that was thought dead may have told an old one last."""
    return known if known is not None and rank(known) > rank(told) else told


def pruned(record: Record, kept: int, newest: str | None = None) -> Record:
    """Return the record without days no longer kept. `newest`: the newest day, if not the record's own."""
    if not record["days"] or (newest is None and len(record["days"]) == 1):
        return record
    oldest = days.oldest_kept(max(newest or "", max(record["days"])), kept)
    return {
        **record,
        "days": days.kept_days(record["days"], oldest),
        "calls": calls.kept_calls(record["calls"], oldest),
    }


def has_begun(record: Record) -> bool:
    """Return whether there is a conversation: messages of an unknown number may wait for one in vain."""
    return record["status"] is not None


def is_over(record: Record, before: str) -> bool:
    """Return whether a conversation ended before a time (ISO 8601, UTC), or never began."""
    return record["status"] in ("closed", None) and (record["last_activity"] or "") < before


def _started(record: Record, event: Event, at: datetime, zone: tzinfo) -> None:
    began = time_in(event.data.get("row") or event.data, "started_at", at)
    day, waited = day_of(began, zone), record.pop("parked", [])
    names = ("client_name", "agent_id", "batch_id", "group_id")
    record.update({name: _short(event.data.get(name)) for name in names})
    status = event.data.get("stands") or "active"
    record.update(status=status, started_at=began.isoformat(), started_day=day)
    record["days"] = days.with_flag(record["days"], day, "started")
    record["calls"] = [*record["calls"], calls.begun(event, day, answered=bool(waited))]
    _active_at(record, began)
    for _, came in waited:
        _count_received(record, datetime.fromisoformat(came), zone)


def _received(record: Record, event: Event, at: datetime, zone: tzinfo) -> None:
    """Count a message on the day on which it came, as in Postgres; it may have been taken up later."""
    came = time_in(event.data, "received_at", at)
    if not event.data.get("parked"):
        _count_received(record, came, zone)
        return
    _active_at(record, came)
    if event.data.get("asks", True):
        record["parked"] = [*record.get("parked", ()), [event.data.get("message_sid"), came.isoformat()]]


def _count_received(record: Record, came: datetime, zone: tzinfo) -> None:
    record["received"] += 1
    record["waiting_since"] = min(record["waiting_since"] or came.isoformat(), came.isoformat())
    if record["status"] in ("closed", None):  # a client who writes reopens the conversation
        record["status"] = "active"
    record["days"] = days.with_counts(record["days"], day_of(came, zone), received=1)
    if record["started_day"] in record["days"]:
        record["days"] = days.with_flag(record["days"], record["started_day"], "answered")
    _active_at(record, came)


def _unanswered(record: Record, event: Event, at: datetime, zone: tzinfo) -> None:
    """Drop what waited of an unknown number."""
    dropped = event.data.get("message_sids") or ()
    if left := [each for each in record.pop("parked", ()) if each[0] not in dropped]:
        record["parked"] = left


def _sent(record: Record, event: Event, at: datetime, zone: tzinfo) -> None:
    accepted = time_in(event.data, "sent_at", at)
    day = day_of(accepted, zone)
    record["sent"] += 1
    record["waiting_since"] = None
    record["days"] = days.with_counts(record["days"], day, sent=1)
    if (seconds := event.data.get("response_seconds")) is not None:
        record["days"] = days.with_response(record["days"], day, microseconds(seconds))
    _active_at(record, accepted)


def _failed(record: Record, event: Event, at: datetime, zone: tzinfo) -> None:
    record["failed"] += 1
    record["days"] = days.with_counts(record["days"], day_of(at, zone), failed=1)


def _snapshot(record: Record, event: Event, at: datetime, zone: tzinfo) -> None:
    """Take over what a log without its beginning still says of it."""
    state = event.data.get("state") or {}
    if record["started_at"] is None and state.get("has_begun"):
        began = time_in(state, "started_at", at)
        record.update({name: _short(state.get(name)) for name in ("client_name", "agent_id", "batch_id")})
        record.update(started_at=began.isoformat(), started_day=day_of(began, zone))
        _active_at(record, began)


def _merged(record: Record, event: Event, at: datetime, zone: tzinfo) -> None:
    """Count it with the number's conversation, which is the same person's; its messages were written here."""
    record.pop("parked", None)
    record.update(waiting_since=None, started_day=None, calls=[], days=days.without_flags(record["days"]))
    if has_begun(record):
        record["status"] = "closed"


def _status(record: Record, event: Event, at: datetime, zone: tzinfo) -> None:
    record["status"] = "active" if event.type == "resumed" else event.type


_HANDLERS: dict[str, Callable[[Record, Event, datetime, tzinfo], None]] = {
    "started": _started,
    "received": _received,
    "unanswered": _unanswered,
    "sent": _sent,
    "failed": _failed,
    "closed": _status,
    "escalated": _status,
    "resumed": _status,
    "snapshot": _snapshot,
    "merged": _merged,
    ERASED: _status,
}


def _active_at(record: Record, at: datetime) -> None:
    record["last_activity"] = max(record["last_activity"] or "", at.isoformat())


def _short(value: object) -> str | None:
    return None if value is None else str(value)[:_LONGEST_TEXT]
