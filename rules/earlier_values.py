"""Values inside former builds' events, converted to ours."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from rules.state import Conversation, Status
from rules.turns import Part, Waiting
from schemas.events import ConversationEvent
from schemas.rows import Json

_STATUS_OF: Final[dict[str, Status]] = {"resumed": "active", "escalated": "escalated", "closed": "closed"}
_STATUSES: Final[dict[str, Status]] = {"active": "active", "escalated": "escalated", "closed": "closed"}
_TIMES: Final = ("last_message_at", "last_inbound_at", "closed_at", "escalated_at")


def time_of(text: object) -> datetime | None:
    """Read a time. Times in rows have no zone and are UTC."""
    if not isinstance(text, str):
        return None
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def status_of(kind: str) -> Status:
    """Return the status that a type of event names."""
    return _STATUS_OF[kind]


def part_of(given: Json, place: int, event: ConversationEvent, again: Json) -> Part:
    """Return a planned message. `again`: from the rule of a turn that said something once more."""
    at = event.at.astimezone(UTC)
    repeated = again.get("parts") or ()
    origin = repeated[place] if place < len(repeated) else {}
    return Part(
        own_id=given["own_id"],
        to=given["to_address"],
        body=given["body"],
        content=given.get("content"),
        tries=1,
        intended_at=at,
        said_at=time_of(again.get("since")) or at,
        times=again.get("times") or 0,
        origin_turn=again.get("turn_id") if origin else None,
        origin_part=origin.get("place"),
    )


def waiting_of(given: Json, replay: str | None) -> Waiting:
    """Return a row of `conversation_input` as a waiting input."""
    payload, kind = given.get("payload") or {}, given["kind"]
    at = time_of(given.get("received_at")) or datetime.fromtimestamp(0, UTC)
    common: Json = {"event_id": given["event_id"], "at": at, "address": given.get("address") or ""}
    common |= {"replay": replay, "text": payload.get("text") or ""}
    if kind == "message":
        return Waiting(kind="message", request_id=payload.get("request_id"), **common)
    return Waiting(kind="call" if kind == "call" else "write", payload=payload, **common)


def with_row(state: Conversation, event: ConversationEvent) -> Conversation:
    """Return the state with what an event says about its conversation's row."""
    if state.erased:
        return state
    numbered = replace(state, id=event.conversation_id, number=event.number)
    row = event.state
    if not row:  # version 1
        return numbered
    times: Json = {name: time_of(row.get(name)) for name in _TIMES}
    return replace(
        numbered,
        has_begun=True,
        agent_id=row.get("agent_id") or state.agent_id,
        status=_STATUSES.get(row.get("status") or "", state.status),
        address=row.get("address") or state.address,
        message_count=row.get("message_count") or 0,
        said_meanwhile_since=None if row.get("meanwhile_from") is None else state.said_meanwhile_since,
        **times,
    )
