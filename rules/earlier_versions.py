"""Events as former builds wrote them (versions 1 and 2 of `conversation-event`), for folding an old log.

One of theirs may become several of ours, or none; what it says about its conversation's row (`state`, since
version 2) settles the rest. If no event says that a message of an answer was sent, its outcome is unknown,
and it is looked up. Version 1 had neither ids of rows nor planned messages.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from rules import earlier_turns as turns
from rules import events as e
from rules.earlier_turns import Memory
from rules.earlier_values import status_of, time_of, waiting_of, with_row
from rules.evolve import evolve
from rules.person import OptOut
from rules.project import project, row_changes
from rules.state import Conversation
from schemas.events import ConversationEvent
from schemas.rows import Change, Json, SendChange

Read = Iterator[e.Event]

_SAME_NAMES: Final = (
    "batch_id",
    "batch_name",
    "group_id",
    "group_name",
    "agent_name",
    "status",
    "turn_id",
    "request_id",
)


def fold(
    known: Memory, state: Conversation, event: ConversationEvent
) -> tuple[Conversation, tuple[Change, ...]]:
    """Return the state after an event, and what it changes in the tables. `known`: one per conversation."""
    changes: list[Change] = []
    for said in _READERS.get(event.type, _nothing)(known, state, event):
        recorded = e.Recorded(
            conversation_id=event.conversation_id, number=event.number, at=_at(event, said), event=said
        )
        after = evolve(state, recorded)
        changes += (each for each in project(state, recorded, after) if not _is_nameless(each))
        state = after
    settled = with_row(state, event)
    return settled, (*changes, *row_changes(state, settled))


def _is_nameless(change: Change) -> bool:
    """Return whether a send lacks our id: version 1 had none."""
    return isinstance(change, SendChange) and not change.own_id


def _at(event: ConversationEvent, said: e.Event) -> datetime:
    """Return an event's time. A row's times are of the statement that wrote it, a little before its event."""
    if isinstance(said, e.Started):
        return time_of((event.data.get("row") or {}).get("started_at")) or event.at.astimezone(UTC)
    if isinstance(said, e.Received):
        return time_of(event.state.get("last_message_at")) or event.at.astimezone(UTC)
    return event.at.astimezone(UTC)


def _nothing(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    yield from ()


def _started(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    data, row = event.data, event.data.get("row") or {}
    metadata = row.get("metadata") or {}
    calls = metadata.get("calls") or []
    yield e.Started(
        client_name=data.get("client_name") or "",
        agent_id=data.get("agent_id") or "",
        elevenlabs_conversation_id=data.get("elevenlabs_conversation_id") or "",
        address=row.get("address") or f"whatsapp:{event.phone_number}",
        recipient_id=row.get("recipient_id"),
        received_at=time_of(data.get("received_at")),
        call=metadata.get("call"),
        former=calls[-1] if calls and before.has_begun else None,
        **{name: data.get(name) for name in _SAME_NAMES},
    )


def _received(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    data = event.data
    marks = {name: data[name] for name in ("backfilled", "replay", "late", "params") if name in data}
    identity = data.get("message_id")
    yield e.Received(
        message_sid=data.get("message_sid") or event.event_id,
        content=data.get("content") or "",
        received_at=time_of(data.get("received_at")) or event.at,
        message_id=known.message_id() if identity is None else identity,
        address=data.get("address") or f"whatsapp:{event.phone_number}",
        request_id=data.get("request_id"),
        **marks,
    )


def _decided(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    """Read which messages were not for the agent: those that were commands, or all of them."""
    rule = event.data.get("rule") or {}
    sids = turns.questions(before) if rule.get("silent") else tuple(rule.get("keywords") or ())
    reason = "opted_out" if before.opt_out else "escalated" if before.status == "escalated" else "command"
    if sids:
        yield e.Unanswered(message_sids=sids, reason=reason)


def _repeated(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    given, replay = event.data["input"], event.data.get("replay") or ""
    yield e.Repeated(identity=given["event_id"], replay=replay, waiting=waiting_of(given, replay))


def _opted_out(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    by = event.data.get("by") or "client"
    cause = str(event.data.get("message_sid") or event.data.get("code") or event.event_id)
    at, sid, code = event.at.astimezone(UTC), event.data.get("message_sid"), event.data.get("code")
    wanted = OptOut(source="twilio" if by == "twilio" else "client", event_id=cause, since=at)
    yield e.OptedOut(opt_out=wanted, by=by, message_sid=sid, code=code)


def _opted_in(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    yield e.OptedIn(by=event.data.get("by") or "client", message_sid=event.data.get("message_sid"))


def _status(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    names = ("operator", "command_id", "reason", "message_sid", "turn_id")
    told: Json = {name: event.data.get(name) for name in names}
    yield e.StatusChanged(status=status_of(event.type), by=event.data.get("by") or "", **told)


def _agent_changed(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    names = ("agent_id", "before", "by", "operator", "command_id")
    yield e.AgentChanged(**{name: event.data.get(name) or "" for name in names})


def _commanded(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    """Read a command. A text that waited was recorded twice: when it came, and when its turn began."""
    given = event.data["input"]
    command_id, payload, outcome = given["event_id"], given.get("payload") or {}, given.get("outcome")
    if command_id in known.commands:
        return
    known.commands.add(command_id)
    yield e.Commanded(
        command_id=command_id,
        command=payload.get("command") or "",
        by=payload.get("by") or "",
        position=given.get("position") or before.position + 1,
        changed=outcome is None or bool(outcome.get("changed")),
        payload=payload,
        outcome=outcome,
    )
    if outcome is None and payload.get("command") == "write":
        yield e.Queued(waiting=waiting_of(given, None))


def _erased(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    yield e.Erased()


_READERS: Final[dict[str, Callable[[Memory, Conversation, ConversationEvent], Read]]] = {
    "started": _started,
    "received": _received,
    "decided": _decided,
    "answered": turns.answered,
    "sent": turns.sent,
    "delivered": turns.delivered,
    "failed": turns.failed,
    "reopened": turns.reopened,
    "repeated": _repeated,
    "details": turns.details,
    "opted_out": _opted_out,
    "opted_in": _opted_in,
    "escalated": _status,
    "resumed": _status,
    "closed": _status,
    "agent_changed": _agent_changed,
    "commanded": _commanded,
    "erased": _erased,
}
