"""Sends as the conversation itself left them a moment ago.

A report brings its send as the table has it, but the table may have been read before the latest decisions
were written: a message's acceptance, or the previous report. Two reports a few milliseconds apart must
neither bring a message back twice nor take a later status back.
"""

from collections.abc import Mapping
from dataclasses import replace

from rules import sending
from rules.events import Delivered, DeliveryFailed, Erased, Event, Sent
from rules.inputs import DeliveryReported, Input, KnownSend
from rules.state import Conversation
from rules.turns import Part, Turn

KnownSends = Mapping[str, KnownSend]
"""By our own id, the newest last."""

REMEMBERED = 40
"""How many sends are remembered: the messages of some four minutes.

A table is some milliseconds behind, or as many seconds as Postgres is slow. WhatsApp brings a person at most
one message in about 6 s.
"""


def newest(known: KnownSends, given: Input) -> Input:
    """Return a report with its send as it stands by now; any other input unchanged."""
    if not isinstance(given, DeliveryReported):
        return given
    send = _of(known, given)
    return given if send is None else replace(given, send=send)


def _of(known: KnownSends, report: DeliveryReported) -> KnownSend | None:
    if report.own_id is not None:
        return known.get(report.own_id)
    return next((send for send in known.values() if send.sid == report.sid), None)


def remember(known: KnownSends, before: Conversation, event: Event, given: Input) -> KnownSends:
    """Return what is known after an event. `before`: the state it met; `given`: the input it came of."""
    send: KnownSend | None = None
    if isinstance(event, Erased):
        return {}
    if isinstance(event, Sent):
        send = _accepted(before, event)
    elif isinstance(event, Delivered | DeliveryFailed):
        met = known.get(event.own_id) or _brought(given, event.own_id)
        send = None if met is None else reported(met, event)
    if send is None:
        return known
    others = [each for each in known.values() if each.own_id != send.own_id]
    return {each.own_id: each for each in (*others[1 - REMEMBERED :], send)}


def _accepted(before: Conversation, event: Sent) -> KnownSend | None:
    found = sending.under_way(before, event.own_id)
    if found is None and event.proven is not None:
        part = next((each for each in event.proven.parts if each.own_id == event.own_id), None)
        found = (event.proven, part) if part is not None else None
    return None if found is None else of_part(*found, event)


def of_part(turn: Turn, part: Part, sent: Sent) -> KnownSend:
    """Return an accepted send as its table will have it."""
    return KnownSend(
        own_id=part.own_id,
        turn_id=turn.id,
        turn_kind=part.kind_in(turn.kind),
        part=sent.part,
        to=part.to,
        body=sent.content,
        content=part.content,
        state="accepted",
        rank=-1,
        sid=sent.sid,
        message_id=sent.message_id,
        planned_at=part.said_at or sent.sent_at,
        intended_at=part.intended_at,
        times=part.times,
        origin_turn=part.origin_turn,
        origin_part=part.origin_part,
    )


def _brought(given: Input, own_id: str) -> KnownSend | None:
    send = given.send if isinstance(given, DeliveryReported) else None
    return send if send is not None and send.own_id == own_id else None


def reported(send: KnownSend, event: Delivered | DeliveryFailed) -> KnownSend:
    """Return a send after a report of it."""
    told = replace(send, sid=event.sid, rank=event.rank)
    if isinstance(event, DeliveryFailed):
        return replace(told, came_back=send.came_back or event.came_back is not None)
    return replace(told, delivered_at=event.delivered_at, read_at=event.read_at)
