"""Which evidence shows that two addresses are one person's, and at which of them the conversation goes on.

- An id that comes with a number belongs to that number for good. With another number, two people may be
  meant: nothing merges, and it is an operator's case.
- The id of a group of businesses (`ParentExternalUserId`) is kept with a new number, which brings a new id.
  The same parent with a new id shows that the person has moved, and the two conversations become one. With an
  id that the other address already has, the vendor contradicts itself: an operator's case.

An id leads to another id only until a number is known. Of two addresses of the same kind, the conversation
goes on at the one that was called last, or else begun first. Each actor compares what it knows of itself now
with the other's standing as of when that one belonged to nobody yet. A standing never falls, so two addresses
never merge into each other, and no longer chain of them goes round in a circle.

    claimant ──link──▶ the id that its message named ──link──▶ whose that is
        ──link, granted──▶ claimant ──take_over──▶
"""

import math
from datetime import datetime

from rules import erasure, letters, links
from rules.draft import Draft
from rules.events import Forwarded, LinkSettled, Merged, Merging
from rules.inputs import LinkTold
from rules.person import HandOver
from rules.state import Conversation, replace
from schemas.phone import is_number

# (kind of address, when it was called last, how early it began); the greater one goes on.
_Standing = tuple[int, float, float]


def on_told(draft: Draft, told: LinkTold) -> None:
    """Handle a claim that this address, or another one that leads here, is the claimant's person's."""
    root = links.root(draft.state)
    if told.claim.heir_of is not None:
        _of_heir(draft, told)
    elif root is not None:
        _of_root(draft, told, root)
    elif told.number == draft.state.key:
        _is_ours(draft, told)
    elif not _shows_it(draft.state, told):
        _refuse(draft, told, draft.state.key)
    elif draft.state.erasing is not None:
        erasure.also(draft, told.number)
    elif _of_claimant(told) > _own(draft.state, told):
        about = told.claim.about if told.claim.granted else None
        wanted_by = told.claim.conversation_id
        draft.emit(Merging(number=told.number, command_id=told.command_id, about=about, wanted_by=wanted_by))
    else:
        granted = replace(told.claim, granted=True, user_ids=())
        links.ask(draft, told.number, told.command_id, granted, command_id=told.command_id)


def _of_heir(draft: Draft, told: LinkTold) -> None:
    """Follow the address that this one belongs to, which belongs to another one by now."""
    state = draft.state
    if state.merged_into == told.claim.heir_of:
        draft.emit(Merged(number=told.number, letters=()))
    elif state.merging_into == told.claim.heir_of:
        draft.emit(Merging(number=told.number, command_id=told.command_id))


def _of_root(draft: Draft, told: LinkTold, root: str) -> None:
    """Ask the address that this one belongs to, refuse the claim, or answer it once more."""
    if root != told.number and _may_be_passed_on(told, root):
        draft.emit(Forwarded(letter=letters.link_on(root, told.command)))
    elif root != told.number:
        _refuse(draft, told, root)
    elif draft.state.merged_into is not None:  # it has forgotten, and asks again
        draft.emit(Forwarded(letter=letters.take_over(draft, root, HandOver())))


def _may_be_passed_on(told: LinkTold, root: str) -> bool:
    """Return whether there is more to ask: the person may have moved, or no number was known."""
    return told.claim.is_parent or told.claim.granted or not (is_number(root) and is_number(told.number))


def _is_ours(draft: Draft, told: LinkTold) -> None:
    """Settle a claim of our own: what our message named already led here."""
    draft.emit(LinkSettled(key=told.claim.about, reason="joined", command_id=told.command_id))


def _shows_it(state: Conversation, told: LinkTold) -> bool:
    claim, known = told.claim, links.known(state)
    if claim.granted:
        return claim.about in known
    if claim.about == state.key:
        return not is_number(state.key)
    if claim.is_parent:
        return bool(claim.user_ids) and known.keys().isdisjoint(claim.user_ids)
    return not (is_number(state.key) and is_number(told.number))


def _refuse(draft: Draft, told: LinkTold, known: str) -> None:
    about = None if told.claim.granted else told.claim.about
    refusal = letters.take_over(draft, told.number, HandOver(refused=True, about=about))
    draft.emit(
        LinkSettled(
            key=told.number, reason="refused", known=known, command_id=told.command_id, letters=(refusal,)
        )
    )


def _of_claimant(told: LinkTold) -> _Standing:
    return _standing(1 + is_number(told.number), told.claim.called_at, told.claim.conversation_id)


def _own(state: Conversation, told: LinkTold) -> _Standing:
    is_parent = told.claim.is_parent and told.claim.about == state.key
    return _standing(0 if is_parent else 1 + is_number(state.key), letters.called_at(state), state.id)


def _standing(kind: int, called_at: datetime | None, conversation_id: int | None) -> _Standing:
    return (
        kind,
        called_at.timestamp() if called_at else 0.0,
        -math.inf if conversation_id is None else -conversation_id,
    )
