"""One person, several addresses: what a message tells of them, and what an address then waits for.

A message that carries a number and an id, both by the vendor's word, is evidence. The number wins: its
actor remembers the id and asks the id's actor for what it has (`merging`). Until that has come, or is late,
the number asks no agent and sends nothing, because the person may have said STOP there. `claims` decides
whether evidence is good enough.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from rules import letters, turns
from rules.draft import Draft
from rules.events import LetterSent, Linked, LinkSettled
from rules.inputs import LetterPublished, MessageReceived
from rules.person import Claim, Link
from rules.state import Conversation, replace
from rules.turns import Turn
from schemas.phone import conversation_key, is_number

PATIENCE: Final = timedelta(seconds=20)
"""How long a client who has just written waits for a hand-over; a late one is taken over when it comes.

A hand-over is two records, some 50 ms. One that waits for a send that hangs takes as long as that does.
"""
# Anything sent before it is known where somebody has moved goes to a number that may be somebody else's by
# now. A worker that dies in between has been replaced within this time.
_MOVED_PATIENCE = timedelta(minutes=2)
# A person has a few in a lifetime; a sender that invents them must not make a state grow.
_MOST_LINKS: Final = 32


def of_message(draft: Draft, message: MessageReceived) -> None:
    """Remember the addresses that a message names, and ask their actors for what they have."""
    sender = message.via or draft.state.key
    user_ids = tuple(key for key in message.linked if key != message.parent)
    if not is_number(sender):
        user_ids = (sender,)
    for key in message.linked:
        known = {each.key for each in draft.state.links}
        if key not in known and key != draft.state.key and len(known) < _MOST_LINKS:
            is_parent = key == message.parent
            claim = Claim(about=key, is_parent=is_parent, user_ids=user_ids if is_parent else ())
            ask(draft, key, message.event_id, claim)


def ask(draft: Draft, key: str, event_id: str, claim: Claim, *, command_id: str | None = None) -> None:
    """Have an address hand over what it has, and wait for it. `command_id`: of the claim that this grants."""
    letter = letters.link(draft, key, event_id, claim)
    linked = Linked(
        key=key,
        message_sid=event_id,
        letter=letter,
        is_parent=claim.is_parent and not claim.granted,
        moved=claim.granted and claim.is_parent,
        command_id=command_id,
    )
    draft.emit(linked)


def others(state: Conversation) -> tuple[str, ...]:
    """Return the person's other addresses, as far as this one knows them."""
    number = root(state)
    return (number,) if number else tuple(known(state))


def family(state: Conversation) -> tuple[str, ...]:
    """Return the person's other addresses, and those that led here before this one was led on.

    The address that this one belongs to may not have heard of the latter yet.
    """
    return tuple(dict.fromkeys((*others(state), *known(state))))


def root(state: Conversation) -> str | None:
    """Return the address that this one belongs to; None if to itself."""
    return state.merged_into or state.merging_into


def known(state: Conversation) -> dict[str, Link]:
    """Return the addresses that lead here, or are asked to."""
    return {each.key: each for each in state.links if each.state != "refused"}


def may_be_anothers(state: Conversation, message: MessageReceived) -> bool:
    """Return whether a message comes from a number that the person has left, and shows none of their ids.

    Numbers are given to others after a while.
    """
    sender, others = message.via or state.key, known(state)
    has_moved = any(link.moved or is_number(key) for key, link in others.items())
    if not state.has_begun or not has_moved or not is_number(sender):
        return False
    is_here = conversation_key(state.address) == sender if state.address else sender == state.key
    return not is_here and others.keys().isdisjoint(message.linked)


def moved_to(state: Conversation, to: str) -> str | None:
    """Return where a message goes instead, if the person has moved since it was planned."""
    has_moved = any(each.moved and each.state == "joined" for each in state.links)
    return state.address if has_moved and state.address != to else None


def readdressed(state: Conversation, turn: Turn) -> Turn:
    """Return a turn of former times, whose rest goes to where the person is now."""
    rest = turn.next_part
    to = None if rest is None else moved_to(state, rest.to)
    return turn if to is None else replace(turn, parts=turns.readdressed(turn.parts, to))


def holds(state: Conversation) -> bool:
    """Return whether nothing is asked or sent, because another address has not handed over yet."""
    return any(each.state == "asked" for each in state.links)


def due(state: Conversation) -> Iterator[datetime]:
    """Return when a hand-over is no longer waited for."""
    yield from (_late_at(each) for each in state.links if each.state == "asked")


def on_timer(draft: Draft) -> None:
    """Go on without hand-overs that did not come in time."""
    for each in draft.state.links:
        if _is_late(each, draft.now):
            draft.emit(LinkSettled(key=each.key, reason="late"))


def _is_late(link: Link, now: datetime) -> bool:
    return link.state == "asked" and _late_at(link) <= now


def _late_at(link: Link) -> datetime:
    return link.at + (_MOVED_PATIENCE if link.moved else PATIENCE)


def on_published(draft: Draft, published: LetterPublished) -> None:
    """Record that Kafka has a letter to another actor."""
    if any(letter.id == published.letter_id for letter in draft.state.outbox):
        draft.emit(LetterSent(letter_id=published.letter_id))
