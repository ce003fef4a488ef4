"""Erasure of a number: only its opt-out, which keeps us silent, and the bare ids of its events stay.

The person's other addresses go with it. They are told first, because afterwards nobody knows of them.
"""

from rules import letters, links, opt_out, outcomes
from rules.draft import Draft
from rules.events import Commanded, Erased, ErasureBegun, OptedOut
from schemas.commands import ConversationCommand
from schemas.rows import Json


def erase(draft: Draft, command: ConversationCommand) -> None:
    """Forget everything.

    What waits for its turn is over; a send under way is lost from sight, and its result finds nobody.
    """
    others = links.family(draft.state)
    if command.link is not None and command.link not in others:
        return  # somebody else's address
    told = tuple(letters.erasure(draft, key, command) for key in others if key != command.link)
    if draft.state.erasing is not None:
        # Another command is already erasing it, up to what this one says where that is further.
        record(draft, command, changed=False, outcome=outcomes.command(changed=False))
        if (further := _further(draft.state.erasing, command)) is not None:
            draft.emit(ErasureBegun(command=further, letters=()))
    elif told:
        draft.emit(ErasureBegun(command=command.model_dump(mode="json"), letters=told))
    else:
        _forget(draft, command)


def _further(begun: Json, command: ConversationCommand) -> Json | None:
    """Return an erasure that takes as much as both do; None if it is the one that has begun."""
    until, more = begun.get("spooled_until"), command.spooled_until
    if until is None or (more is not None and more <= until):
        return None
    return {**begun, "spooled_until": more}


def also(draft: Draft, key: str) -> None:
    """Erase another address as well, which turned out to be the same person's during this erasure."""
    begun = draft.state.erasing
    assert begun is not None, "looked at by whoever asks"
    letter = letters.erasure(draft, key, ConversationCommand.from_object(begun))
    draft.emit(ErasureBegun(command=begun, letters=(letter,)))


def go_on(draft: Draft) -> None:
    """Forget everything, once the other addresses have been told."""
    if draft.state.erasing is not None and not draft.state.outbox:
        _forget(draft, ConversationCommand.from_object(draft.state.erasing))


def _forget(draft: Draft, command: ConversationCommand) -> None:
    kept = letters.hand_over_of(command.hand_over or {}).opt_out
    if kept is not None and draft.state.opt_out is None and opt_out.stands(kept, draft.state.opted_in_at):
        draft.emit(OptedOut(opt_out=kept, by=kept.source))
    is_known, until = draft.state.id is not None, command.spooled_until
    draft.emit(Erased(command_id=command.command_id, changed=is_known, spooled_until=until))


def record(draft: Draft, command: ConversationCommand, *, changed: bool, outcome: Json | None) -> None:
    """Record that a command was taken up, and what came of it."""
    draft.emit(
        Commanded(
            command_id=command.command_id,
            command=command.command,
            by=command.by,
            position=draft.state.position + 1,
            changed=changed,
            payload=command.model_dump(mode="json"),
            outcome=outcome,
        )
    )
