"""Proof of a send that was left to an operator (`TWILIO_UNKNOWN_SEND=hold`).

It comes as a report, or from the vendor's list, which a back-fill publishes as one.
"""

from dataclasses import replace

from rules import links, sending
from rules.draft import Draft
from rules.events import Reopened
from rules.inputs import HeldTurn, KnownSend, SendAccepted
from rules.state import Conversation
from rules.turns import Part, Turn


def prove(draft: Draft, held: HeldTurn, send: KnownSend, sid: str) -> KnownSend:
    """Record the message as sent when intended; its turn is done, or goes on with what was never tried."""
    turn = _accepted(held.turn, send.own_id)
    part = next(each for each in turn.parts if each.own_id == send.own_id)
    accepted = SendAccepted(own_id=send.own_id, sid=sid, at=send.intended_at)
    sent = replace(sending.sent(draft, turn, part, accepted), proven=turn)
    draft.emit(sent)
    if _may_go_on(draft.state, held, turn, part):
        draft.emit(Reopened(turn=links.readdressed(draft.state, turn), replay=""))
    return replace(send, state="accepted", sid=sid, message_id=sent.message_id)


def _accepted(turn: Turn, own_id: str) -> Turn:
    parts = (replace(part, state="accepted") if part.own_id == own_id else part for part in turn.parts)
    return replace(turn, parts=tuple(parts))


def _may_go_on(state: Conversation, held: HeldTurn, turn: Turn, proven: Part) -> bool:
    """Return whether the next of its parts may go: nobody has asked for it where a person took over."""
    rest, before = turn.next_part, turn.parts[: turn.parts.index(proven)]
    if rest is None or held.superseded or not state.is_idle or state.opt_out is not None:
        return False
    if sending.silenced(state, turn, rest) is not None or (turn.kind, state.status) == ("reply", "escalated"):
        return False
    return all(part.state == "accepted" for part in before)
