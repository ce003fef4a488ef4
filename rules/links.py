"""One person, several addresses: which evidence links them, and what a number waits for once it does.

A message that carries a number and an id, both by the vendor's word, is evidence. The number wins: its actor remembers
the id and asks the id's actor for what it has (`merging`). Until that came, or did not in time, the number asks no agent
and sends nothing: the person may have said STOP there. An id belongs to one number for good; where another one turns up
with it, two people may be meant, and nothing merges: an operator has to look.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from rules import letters
from rules.draft import Draft
from rules.events import Forwarded, LetterSent, Linked, LinkSettled, Merging
from rules.inputs import LetterPublished, LinkTold, MessageReceived
from rules.state import Conversation, HandOver, Link
from schemas.phone import is_number

PATIENCE: Final = timedelta(seconds=20)
"""A hand-over is two records, some 50 ms; one that waits for a send that hangs takes as long as that does. Who has just
written waits no longer than this, and what the other address has is taken over when it comes."""
# A person has a few in a life; a sender that invents them must not let a state grow.
_MOST_LINKS: Final = 32


def of_message(draft: Draft, linked: tuple[str, ...], message: MessageReceived) -> None:
    """Remember the ids that a number's message carries, and ask their actors for what they have."""
    if not is_number(draft.state.key):
        return
    for key in linked:
        known = {each.key for each in draft.state.links}
        if key not in known and len(known) < _MOST_LINKS:
            letter = letters.link(draft, key, message.event_id)
            draft.emit(Linked(key=key, message_sid=message.event_id, letter=letter))


def on_told(draft: Draft, told: LinkTold) -> None:
    """An id is told that it is a number's: it merges as soon as nothing is under way, unless it is another one's."""
    state = draft.state
    known = state.merged_into or state.merging_into
    if known is None:
        draft.emit(Merging(number=told.number, command_id=told.command_id))
    elif known != told.number:
        refusal = letters.take_over(draft, told.number, HandOver(refused=True))
        draft.emit(
            LinkSettled(
                key=told.number, reason="refused", known=known, command_id=told.command_id, letters=(refusal,)
            )
        )
    elif state.merged_into is not None:  # it asks again, having forgotten
        draft.emit(Forwarded(letter=letters.take_over(draft, known, HandOver())))


def others(state: Conversation) -> tuple[str, ...]:
    """Return the person's other addresses, as far as this one knows them."""
    number = state.merged_into or state.merging_into
    return (number,) if number else tuple(each.key for each in state.links if each.state != "refused")


def holds(state: Conversation) -> bool:
    """Return whether nothing is asked and nothing sent, because another address has not handed over yet."""
    return any(each.state == "asked" for each in state.links)


def due(state: Conversation) -> Iterator[datetime]:
    """Return when a hand-over is waited for no longer."""
    yield from (each.at + PATIENCE for each in state.links if each.state == "asked")


def on_timer(draft: Draft) -> None:
    """Go on without what has not come in time."""
    for each in draft.state.links:
        if _is_late(each, draft.now):
            draft.emit(LinkSettled(key=each.key, reason="late"))


def _is_late(link: Link, now: datetime) -> bool:
    return link.state == "asked" and link.at + PATIENCE <= now


def on_published(draft: Draft, published: LetterPublished) -> None:
    """Kafka has what another actor is told."""
    if any(letter.id == published.letter_id for letter in draft.state.outbox):
        draft.emit(LetterSent(letter_id=published.letter_id))
