"""Events and states as JSON: the `data` of a `conversation-event`, and what a new owner loads.

The topic fixes how types are spelled: three of our values are `failed`, told apart by `what`, and a
`StatusChanged` is named after who speaks next.
"""

from typing import Any, Final, cast

from pydantic import TypeAdapter
from pydantic_core import to_json

from rules import events as e
from rules import lengths
from rules.state import Conversation
from schemas.rows import Json, LogRow

SCHEMA_VERSION: Final = 3

_FAILED: Final = "failed"
_TYPES: Final[dict[type[object], str]] = {
    e.Started: "started",
    e.Declined: "declined",
    e.Queued: "queued",
    e.Received: "received",
    e.Unanswered: "unanswered",
    e.Answered: "answered",
    e.Deferred: "deferred",
    e.Released: "released",
    e.Intended: "intended",
    e.OutcomeUnknown: "unknown",
    e.Withdrawn: "withdrawn",
    e.Sent: "sent",
    e.Delivered: "delivered",
    e.DeliveryFailed: _FAILED,
    e.TurnFailed: _FAILED,
    e.ReportedEarly: "reported_early",
    e.OptedOut: "opted_out",
    e.OptedIn: "opted_in",
    e.AgentChanged: "agent_changed",
    e.Commanded: "commanded",
    e.DetailsLearned: "details",
    e.LookupsEnded: "lookups_ended",
    e.Reopened: "reopened",
    e.Repeated: "repeated",
    e.Posted: "posted",
    e.PostDeferred: "post_deferred",
    e.Expired: "expired",
    e.Snapshot: "snapshot",
    e.Linked: "linked",
    e.LinkSettled: "link_settled",
    e.Merging: "merging",
    e.Merged: "merged",
    e.Forwarded: "forwarded",
    e.TookOver: "took_over",
    e.LetterSent: "letter_sent",
    e.ErasureBegun: "erasure_begun",
    e.Erased: "erased",
}
_CLASSES: Final = {name: kind for kind, name in _TYPES.items() if name != _FAILED}
_OF_STATUS: Final = {"active": "resumed", "escalated": "escalated", "closed": "closed"}
_STATUS_OF: Final = {name: status for status, name in _OF_STATUS.items()}


def type_of(event: e.Event) -> str:
    """Return the event's type, as the topic spells it."""
    if isinstance(event, e.StatusChanged):
        return _OF_STATUS[event.status]
    if isinstance(event, e.Answered) and event.problem is not None:
        return _FAILED
    return _TYPES[type(event)]


def data_of(event: e.Event) -> Json:
    """Return the event's `data`, without the fields that have their default value."""
    data: Json = _ADAPTERS[type(event)].dump_python(event, mode="json", exclude_defaults=True)
    if isinstance(event, e.StatusChanged):
        del data["status"]
    elif isinstance(event, e.DeliveryFailed):
        data["what"] = "delivery"
    elif isinstance(event, e.Answered) and event.problem is not None:
        data |= event.problem | {"what": "agent"}
    return data


def event_of(kind: str, data: Json) -> e.Event:
    """Return the event that a type and data of this version describe.

    Raises:
        KeyError: a type that this build does not know.
        ValueError: data that does not fit its type.
    """
    if kind in _STATUS_OF:
        return cast(e.Event, _ADAPTERS[e.StatusChanged].validate_python({**data, "status": _STATUS_OF[kind]}))
    return cast(e.Event, _ADAPTERS[_class_of(kind, data)].validate_python(data))


def _class_of(kind: str, data: Json) -> type[object]:
    if kind != _FAILED:
        return _CLASSES[kind]
    what = data.get("what")
    if what == "delivery":
        return e.DeliveryFailed
    return e.Answered if what == "agent" else e.TurnFailed


def envelope(recorded: e.Recorded, after: Conversation) -> Json:
    """Return the value of `conversation-event`. `after`: the state after the event."""
    return _envelope(logged(recorded, after, 0), after.key, recorded.conversation_id)


def logged(recorded: e.Recorded, after: Conversation, sequence: int) -> LogRow:
    """Return the event as the log keeps it: its data, and the row's columns after it, if there is a row."""
    data = {"data": data_of(recorded.event), "state": _row_state(after) if after.has_begun else {}}
    return LogRow(
        number=recorded.number,
        sequence=sequence,
        type=type_of(recorded.event),
        at=recorded.at,
        data=data,
    )


def recorded_of(row: LogRow, conversation_id: int) -> e.Recorded:
    """Read what `logged` returned.

    Raises:
        KeyError, ValueError: not of this version, see `event_of`.
    """
    event = event_of(row.type, row.data["data"])
    return e.Recorded(conversation_id=conversation_id, number=row.number, at=row.at, event=event)


def published(row: LogRow, key: str, conversation_id: int) -> tuple[bytes, str | None]:
    """Return the value of `conversation-event` in JSON, and the trace in which its turn began."""
    trace: str | None = row.data["data"].get("trace")
    told = _envelope(row, key, conversation_id)
    value = to_json(told)
    return (value if len(value) <= lengths.LARGEST_EVENT else lengths.fitted(told, len(value))), trace


def _envelope(row: LogRow, key: str, conversation_id: int) -> Json:
    return {
        "schema_version": SCHEMA_VERSION,
        "event_id": f"{conversation_id}:{row.number}",
        "number": row.number,
        "conversation_id": conversation_id,
        "phone_number": key,
        "type": row.type,
        "at": row.at.isoformat(),
        **row.data,
    }


def _row_state(state: Conversation) -> Json:
    times = {
        "last_message_at": state.last_message_at,
        "last_inbound_at": state.last_inbound_at,
        "closed_at": state.closed_at,
        "escalated_at": state.escalated_at,
    }
    told = {name: at.isoformat() if at else None for name, at in times.items()}
    common = {"agent_id": state.agent_id, "status": state.status, "address": state.address}
    return common | {"message_count": state.message_count} | told


def state_json(state: Conversation) -> bytes:
    """Return the state as the store keeps it."""
    return _ADAPTERS[Conversation].dump_json(state, exclude_defaults=True)


def state_of(data: bytes | str) -> Conversation:
    """Read what `state_json` wrote."""
    return cast(Conversation, _ADAPTERS[Conversation].validate_json(data))


class _Adapters(dict[Any, TypeAdapter[Any]]):
    """One adapter per class, made on first use."""

    def __missing__(self, kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any of the classes above
        self[kind] = TypeAdapter(kind)
        return self[kind]


_ADAPTERS: Final = _Adapters()
