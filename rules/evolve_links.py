"""The fold of events between a person's addresses (linked, merged, taken over, letters) and of an erasure."""

import heapq
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from rules import events as e
from rules.person import Link
from rules.state import Conversation, newest_of, replace
from rules.turns import Turn, readdressed


def _linked(state: Conversation, event: e.Linked, at: e.Recorded) -> Conversation:
    link = Link(key=event.key, at=at.at, moved=event.moved)
    links = (*(each for each in state.links if each.key != event.key), link)
    return replace(state, links=links, outbox=(*state.outbox, event.letter))


def _link_settled(state: Conversation, event: e.LinkSettled, at: e.Recorded) -> Conversation:
    links = tuple(
        replace(each, state=event.reason) if each.key == event.key else each for each in state.links
    )
    return replace(state, links=links, outbox=(*state.outbox, *event.letters))


def _merging(state: Conversation, event: e.Merging, at: e.Recorded) -> Conversation:
    links = tuple(replace(each, state="joined") if each.key == event.about else each for each in state.links)
    return replace(state, merging_into=event.number, merging_for=event.wanted_by, links=links)


def _merged(state: Conversation, event: e.Merged, at: e.Recorded) -> Conversation:
    return replace(
        state,
        status="closed" if state.has_begun else state.status,
        closed_at=_closed_at(state, at) if state.has_begun else None,
        merging_into=None,
        merging_for=None,
        merged_into=event.number,
        opt_out=None,
        inbox=(),
        parked_since=None,
        ask_wait=None,
        outbox=(*state.outbox, *event.letters),
    )


def _closed_at(state: Conversation, at: e.Recorded) -> datetime:
    return at.at if state.merged_into is None or state.closed_at is None else state.closed_at


def _forwarded(state: Conversation, event: e.Forwarded, at: e.Recorded) -> Conversation:
    return replace(state, outbox=(*state.outbox, event.letter))


def _took_over(state: Conversation, event: e.TookOver, at: e.Recorded) -> Conversation:
    over = event.hand_over
    known = next((each for each in state.links if each.key == event.key), Link(key=event.key, at=at.at))
    link = known if over.more else replace(known, state="joined")
    led_there = tuple(Link(key=key, at=at.at, state="joined") for key in over.links if key != state.key)
    ours = {event.key, *over.links}
    others = (*(each for each in state.links if each.key not in ours), *led_there)
    is_reopened = state.status == "closed" and bool(over.inbox)
    return replace(
        _readdressed(state, over.address) if over.address else state,
        links=(*others, link),
        address=over.address or state.address,
        inbox=tuple(heapq.merge(over.inbox, state.inbox, key=lambda waiting: waiting.at)),
        last_inbound_at=newest_of(state.last_inbound_at, over.last_inbound_at),
        opted_in_at=newest_of(state.opted_in_at, over.opted_in_at),
        status="active" if is_reopened else state.status,
        closed_at=None if is_reopened else state.closed_at,
    )


def _readdressed(state: Conversation, address: str) -> Conversation:
    """Readdress what is not with the vendor yet to where the person has moved."""

    def turn(planned: Turn) -> Turn:
        return replace(planned, parts=readdressed(planned.parts, address))

    return replace(
        state,
        turn=None if state.turn is None else turn(state.turn),
        behind=tuple(turn(each) for each in state.behind),
        came_back=tuple(replace(each, parts=readdressed(each.parts, address)) for each in state.came_back),
    )


def _letter_sent(state: Conversation, event: e.LetterSent, at: e.Recorded) -> Conversation:
    return replace(state, outbox=tuple(each for each in state.outbox if each.id != event.letter_id))


def _erasure_begun(state: Conversation, event: e.ErasureBegun, at: e.Recorded) -> Conversation:
    return replace(state, erasing=event.command, outbox=(*state.outbox, *event.letters))


def _erased(state: Conversation, event: e.Erased, at: e.Recorded) -> Conversation:
    return Conversation(key=state.key, number=at.number, opt_out=state.opt_out, erased=True)


HANDLERS: Final[dict[type[object], Callable[[Conversation, Any, e.Recorded], Conversation]]] = {
    e.Linked: _linked,
    e.LinkSettled: _link_settled,
    e.Merging: _merging,
    e.Merged: _merged,
    e.Forwarded: _forwarded,
    e.TookOver: _took_over,
    e.LetterSent: _letter_sent,
    e.ErasureBegun: _erasure_begun,
    e.Erased: _erased,
}
