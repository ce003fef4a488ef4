"""A number is erased: what stays is its opt-out, which keeps us silent, and the bare ids of its events.

The person's other addresses go with it: they are told first, because afterwards nobody knows of them.
"""

from rules import letters, links, outcomes
from rules.draft import Draft
from rules.events import Commanded, Erased, ErasureBegun, OptedOut
from schemas.commands import ConversationCommand
from schemas.rows import Json


def erase(draft: Draft, command: ConversationCommand) -> None:
    """Forget everything. What waits for its turn is over; a send that is under way is lost from sight, and its
    result finds nobody.
    """
    others = links.family(draft.state)
    if command.link is not None and command.link not in others:
        return  # an address of somebody else's
    told = tuple(letters.erasure(draft, key, command) for key in others if key != command.link)
    if draft.state.erasing is not None:
        # It is being erased by another command already.
        record(draft, command, changed=False, outcome=outcomes.command(changed=False))
    elif told:
        draft.emit(ErasureBegun(command=command.model_dump(mode="json"), letters=told))
    else:
        _forget(draft, command)


def also(draft: Draft, key: str) -> None:
    """Another address turns out to be the same person's while this one is being erased: it goes with it."""
    begun = draft.state.erasing
    assert begun is not None, "looked at by whoever asks"
    letter = letters.erasure(draft, key, ConversationCommand.from_object(begun))
    draft.emit(ErasureBegun(command=begun, letters=(letter,)))


def go_on(draft: Draft) -> None:
    """Forget, once the other addresses are told."""
    if draft.state.erasing is not None and not draft.state.outbox:
        _forget(draft, ConversationCommand.from_object(draft.state.erasing))


def _forget(draft: Draft, command: ConversationCommand) -> None:
    kept = letters.hand_over_of(command.hand_over or {}).opt_out
    if kept is not None and draft.state.opt_out is None:
        draft.emit(OptedOut(opt_out=kept, by=kept.source))
    draft.emit(Erased(command_id=command.command_id, changed=draft.state.id is not None))


def record(draft: Draft, command: ConversationCommand, *, changed: bool, outcome: Json | None) -> None:
    """Say that a command was taken, and what came of it."""
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
