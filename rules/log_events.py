"""The fold of `conversation-event` as read from the log: events of every version, and incomplete logs."""

from datetime import UTC

from rules import earlier_versions
from rules import events as e
from rules.codec import SCHEMA_VERSION, event_of
from rules.earlier_turns import Memory
from rules.earlier_values import with_row
from rules.evolve import evolve
from rules.project import project, row_changes
from rules.state import Conversation, replace
from schemas.events import ConversationEvent
from schemas.rows import Change, Json, LogRow

Folded = tuple[Conversation, tuple[Change, ...]]


def fold(known: Memory, state: Conversation, event: ConversationEvent) -> Folded:
    """Return the state after an event, and what it changes in the tables. `known`: one per conversation.

    Raises:
        KeyError, ValueError: the event does not fit its type.
    """
    if is_former(event):
        return earlier_versions.fold(known, state, event)
    recorded = recorded_of(event)
    after = evolve(state, recorded)
    return after, project(state, recorded, after)


def fold_after_gap(known: Memory, state: Conversation, event: ConversationEvent) -> Folded:
    """Do the same if earlier events are missing: the row, as this event tells it, settles what they said.

    Raises:
        KeyError, ValueError: see `fold`.
    """
    has_begun = state.has_begun or not event.state or bool(event.state.get("agent_id"))
    after, changes = fold(known, replace(state, has_begun=has_begun), event)
    if after.erased or event.type == "snapshot":
        return after, changes
    settled = replace(with_row(after, event), has_begun=has_begun or after.has_begun)
    return settled, (*changes, *row_changes(after, settled))


def is_former(event: ConversationEvent) -> bool:
    """Return whether a build before the log wrote the event."""
    return event.schema_version < SCHEMA_VERSION


def recorded_of(event: ConversationEvent) -> e.Recorded:
    """Return an event of this version.

    Raises:
        KeyError, ValueError: see `fold`.
    """
    return e.Recorded(
        conversation_id=event.conversation_id,
        number=event.number,
        at=event.at.astimezone(UTC),
        event=event_of(event.type, event.data),
    )


def log_row(event: ConversationEvent, sequence: int) -> LogRow:
    """Return the event as the log keeps it, see `rules.codec.logged`."""
    data: Json = {"schema_version": event.schema_version} if is_former(event) else {}
    return LogRow(
        number=event.number,
        sequence=sequence,
        type=event.type,
        at=event.at,
        data=data | {"data": event.data, "state": event.state},
    )
