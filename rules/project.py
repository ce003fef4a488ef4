"""What an event changes in the tables, as values of `schemas.rows`. No SQL, no ids of its own."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from rules import events as e
from rules import outcomes
from rules.codec import envelope
from rules.evolve import parked, row_metadata
from rules.project_links import HANDLERS as OF_LINKS
from rules.project_links import seen
from rules.project_sends import HANDLERS as OF_SENDS
from rules.state import Conversation
from rules.turns import Waiting
from schemas.rows import (
    BackendPost,
    BackendPostTaken,
    Change,
    ConversationChange,
    ConversationColumns,
    InputKind,
    MessageRow,
    MessagesRemoved,
    Outcome,
    SuppressionChange,
)

_KINDS: Final[dict[str, InputKind]] = {"message": "message", "call": "call", "write": "command"}


def project(before: Conversation, recorded: e.Recorded, after: Conversation) -> tuple[Change, ...]:
    """Return the changes of one event, in the order in which they are made."""
    return tuple(_changes(before, recorded, after))


def _changes(before: Conversation, recorded: e.Recorded, after: Conversation) -> Iterator[Change]:
    event = recorded.event
    if handler := _HANDLERS.get(type(event)):
        yield from handler(before, event, recorded)
    if not isinstance(event, e.Started):  # it has the whole row
        yield from row_changes(before, after)
    if handler := OF_SENDS.get(type(event)):
        yield from handler(before, event, recorded)
    if getattr(event, "tells_backend", False):
        yield BackendPost(
            conversation_id=recorded.conversation_id,
            number=recorded.number,
            phone_number=after.key,
            payload=envelope(recorded, after),
        )


_SAME: Final = (
    "client_name",
    "elevenlabs_conversation_id",
    "agent_id",
    "batch_id",
    "status",
    "started_at",
    "last_message_at",
    "closed_at",
    "address",
    "last_inbound_at",
    "escalated_at",
)


def row_changes(before: Conversation, after: Conversation) -> Iterator[Change]:
    """Return the row's changes, which follow the state; what a state does not hold, its event says."""
    if not after.has_begun or after.id is None:
        return
    columns = ConversationColumns()
    for name in _SAME:
        if (value := getattr(after, name)) != getattr(before, name):
            columns[name] = value
    messages = after.message_count - before.message_count
    if columns or messages:
        yield ConversationChange(id=after.id, phone_number=after.key, columns=columns, messages=messages)


def _started(before: Conversation, event: e.Started, at: e.Recorded) -> Iterator[Change]:
    waited = () if before.has_begun else parked(before)
    columns = ConversationColumns(
        client_name=event.client_name,
        elevenlabs_conversation_id=event.elevenlabs_conversation_id,
        agent_id=event.agent_id,
        batch_id=event.batch_id,
        recipient_id=event.recipient_id,
        status=event.stands or "active",
        call_summary=None,
        call_duration_secs=None,
        started_at=at.at,
        last_message_at=at.at,
        closed_at=before.closed_at if event.stands == "closed" else None,
        address=event.address or before.address,
        last_inbound_at=before.last_inbound_at,
    )
    yield ConversationChange(
        id=at.conversation_id,
        phone_number=before.key,
        columns=columns,
        metadata={"call": event.call} if event.call else {},
        removed_metadata=("details", "agent_changed"),
        archived_call=event.former,
        messages=len(waited),
    )
    for waiting in waited:
        yield _inbound(waiting, at)
    if event.elevenlabs_conversation_id:
        yield from seen(before, "call", event.event_id or event.elevenlabs_conversation_id, at.at)


def _inbound(waiting: Waiting, at: e.Recorded) -> Change:
    assert waiting.message_id is not None, "only messages are parked"
    return MessageRow(
        id=waiting.message_id,
        conversation_id=at.conversation_id,
        direction="inbound",
        content=waiting.text,
        twilio_message_id=waiting.event_id,
        sent_at=waiting.at,
        metadata=waiting.payload or {},
    )


def _received(before: Conversation, event: e.Received, at: e.Recorded) -> Iterator[Change]:
    if not event.handed_over:
        yield from seen(before, "message", event.message_sid, at.at)
    if event.parked:
        return
    yield MessageRow(
        id=event.message_id,
        conversation_id=at.conversation_id,
        direction="inbound",
        content=event.content,
        twilio_message_id=event.message_sid,
        sent_at=event.received_at,
        metadata=row_metadata(event),
    )


def _unanswered(before: Conversation, event: e.Unanswered, at: e.Recorded) -> Iterator[Change]:
    if event.identity is not None:
        yield from seen(before, "message", event.identity, at.at)


def _declined(before: Conversation, event: e.Declined, at: e.Recorded) -> Iterator[Change]:
    if event.kind == "call":
        yield from seen(before, "call", event.event_id, at.at)
        yield Outcome(kind="call", event_id=event.event_id, outcome=event.outcome)
    else:
        outcome = outcomes.of_command("write", event.outcome)
        yield Outcome(kind="command", event_id=event.event_id, outcome=outcome)


def _queued(before: Conversation, event: e.Queued, at: e.Recorded) -> Iterator[Change]:
    if event.waiting.kind == "call":  # a command's id is remembered with `commanded`
        yield from seen(before, "call", event.waiting.event_id, at.at)
    elif event.waiting.kind == "replay":
        yield from seen(before, _KINDS[event.waiting.text], event.waiting.event_id, at.at)


def _repeated(before: Conversation, event: e.Repeated, at: e.Recorded) -> Iterator[Change]:
    yield from seen(before, _KINDS[event.waiting.kind], event.identity, at.at)


def _reopened(before: Conversation, event: e.Reopened, at: e.Recorded) -> Iterator[Change]:
    if event.identity is not None:
        kind: InputKind = "call" if event.turn.is_first else "message"
        yield from seen(before, kind, event.identity, at.at)


def _commanded(before: Conversation, event: e.Commanded, at: e.Recorded) -> Iterator[Change]:
    yield from seen(before, "command", event.command_id, at.at)
    if event.outcome is not None:
        outcome = outcomes.of_command(event.command, event.outcome)
        yield Outcome(kind="command", event_id=event.command_id, outcome=outcome)


def _posted(before: Conversation, event: e.Posted, at: e.Recorded) -> Iterator[Change]:
    yield BackendPostTaken(conversation_id=at.conversation_id, number=event.number)


def _expired(before: Conversation, event: e.Expired, at: e.Recorded) -> Iterator[Change]:
    yield MessagesRemoved(conversation_id=at.conversation_id, message_ids=event.message_ids)


def _agent_changed(before: Conversation, event: e.AgentChanged, at: e.Recorded) -> Iterator[Change]:
    yield ConversationChange(id=at.conversation_id, phone_number=before.key, metadata={"agent_changed": True})


def _details(before: Conversation, event: e.DetailsLearned, at: e.Recorded) -> Iterator[Change]:
    columns = ConversationColumns()
    if event.call_summary is not None:
        columns["call_summary"] = event.call_summary
    if event.call_duration_secs is not None:
        columns["call_duration_secs"] = event.call_duration_secs
    yield ConversationChange(
        id=at.conversation_id, phone_number=before.key, columns=columns, metadata={"details": event.details}
    )


def _opted_out(before: Conversation, event: e.OptedOut, at: e.Recorded) -> Iterator[Change]:
    out = event.opt_out
    yield SuppressionChange(
        phone_number=before.key, source=out.source, event_id=out.event_id, since=out.since
    )


def _opted_in(before: Conversation, event: e.OptedIn, at: e.Recorded) -> Iterator[Change]:
    yield SuppressionChange(phone_number=before.key)


Handler = Callable[[Conversation, Any, e.Recorded], Iterator[Change]]

_HANDLERS: Final[dict[type[object], Handler]] = {
    **OF_LINKS,
    e.Started: _started,
    e.Received: _received,
    e.Unanswered: _unanswered,
    e.Declined: _declined,
    e.Queued: _queued,
    e.Repeated: _repeated,
    e.Reopened: _reopened,
    e.Commanded: _commanded,
    e.AgentChanged: _agent_changed,
    e.DetailsLearned: _details,
    e.OptedOut: _opted_out,
    e.OptedIn: _opted_in,
    e.Posted: _posted,
    e.Expired: _expired,
}
