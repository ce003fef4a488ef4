"""What an event between a person's addresses, or an erasure, changes in the tables."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from rules import events as e
from rules import outcomes
from rules.state import Conversation
from schemas.rows import (
    Change,
    ConversationChange,
    Erasure,
    InputKind,
    Outcome,
    SeenRow,
    SendChange,
    SendColumns,
    SuppressionChange,
)


def _link_settled(before: Conversation, event: e.LinkSettled, at: e.Recorded) -> Iterator[Change]:
    if event.command_id is not None:
        yield from seen(before, "command", event.command_id, at.at)


def _linked(before: Conversation, event: e.Linked, at: e.Recorded) -> Iterator[Change]:
    if event.command_id is not None:
        yield from seen(before, "command", event.command_id, at.at)


def _merging(before: Conversation, event: e.Merging | e.TookOver, at: e.Recorded) -> Iterator[Change]:
    yield from seen(before, "command", event.command_id, at.at)


def _took_over(before: Conversation, event: e.TookOver, at: e.Recorded) -> Iterator[Change]:
    yield from _merging(before, event, at)
    planned = [part for turn in before.turns for part in turn.parts if part.state == "planned"]
    for part in planned if event.hand_over.address else ():
        yield SendChange(own_id=part.own_id, columns=SendColumns(to_address=event.hand_over.address))


def _merged(before: Conversation, event: e.Merged, at: e.Recorded) -> Iterator[Change]:
    if before.has_begun:
        merged = {"merged_into": event.number}
        yield ConversationChange(id=at.conversation_id, phone_number=before.key, metadata=merged)
    if before.opt_out is not None:  # the number has it now
        yield SuppressionChange(phone_number=before.key)


def _erasure_begun(before: Conversation, event: e.ErasureBegun, at: e.Recorded) -> Iterator[Change]:
    """Remember the command when it is first told, so that it does not begin twice.

    The number may begin again in between, and what is new would be erased with it.
    """
    if before.erasing is None:
        yield from seen(before, "command", event.command["command_id"], at.at)


def _erased(before: Conversation, event: e.Erased, at: e.Recorded) -> Iterator[Change]:
    yield from _unfinished(before)
    until = event.spooled_until
    yield Erasure(conversation_id=before.id, phone_number=before.key, at=at.at, spooled_until=until)
    if event.command_id is not None:
        if before.erasing is None:
            yield SeenRow(kind="command", event_id=event.command_id, phone_number="", at=at.at)
        outcome = outcomes.of_command("erase", outcomes.command(changed=event.changed))
        yield Outcome(kind="command", event_id=event.command_id, outcome=outcome)


def _unfinished(before: Conversation) -> Iterator[Change]:
    """Tell whoever waits for a call or an operator's text that it is over."""
    waiting: list[tuple[str, str]] = [(each.kind, each.event_id) for each in before.inbox]
    for turn in before.turns:
        is_told = turn.kind == "call" and any(part.state == "accepted" for part in turn.parts)
        if turn.event_id is not None and not is_told:
            waiting.append((turn.kind, turn.event_id))
    for kind, event_id in waiting:
        if kind == "call":
            yield Outcome(kind="call", event_id=event_id, outcome=outcomes.failed(outcomes.ERASED))
        elif kind == "write":
            erased = outcomes.of_command("write", outcomes.command_refused(outcomes.ERASED))
            yield Outcome(kind="command", event_id=event_id, outcome=erased)


def seen(before: Conversation, kind: InputKind, event_id: str, at: datetime) -> Iterator[Change]:
    """Remember an input's id; one that has waited was remembered when it began to."""
    if all(waiting.event_id != event_id for waiting in before.inbox):
        yield SeenRow(kind=kind, event_id=event_id, phone_number=before.key, at=at)


HANDLERS: Final[dict[type[object], Callable[[Conversation, Any, e.Recorded], Iterator[Change]]]] = {
    e.Linked: _linked,
    e.LinkSettled: _link_settled,
    e.Merging: _merging,
    e.Merged: _merged,
    e.TookOver: _took_over,
    e.ErasureBegun: _erasure_begun,
    e.Erased: _erased,
}
