"""Each message is sent exactly once, as far as the vendor lets us know.

planned → intended (written before the vendor is asked) → accepted, or unknown → looked up → accepted or
planned again. Right before the socket a send asks once more: a STOP, takeover or erasure that
came meanwhile withdraws it.
"""

from datetime import datetime, timedelta
from typing import Final

from rules import came_back, holds, left_in_silence, links, opt_out, outcomes, pace, slow_numbers, window
from rules.draft import Draft
from rules.events import Deferred, Intended, OutcomeUnknown, Sent, TurnFailed, Withdrawn
from rules.inputs import LookupDone, SendAccepted, SendNotMade, SendRefused, SendUnknown, SlotTaken
from rules.state import Conversation, replace
from rules.turns import Part, Turn, Wait, WaitReason
from schemas.rows import Json

REQUEST_LIVES: Final = timedelta(seconds=15)
"""How long the vendor may have a request in its hands that left us and was not answered.

It may still be done for as long as its client may wait (`clients.twilio.api.TIMEOUT`).
"""
ATTEMPT_LIVES: Final = timedelta(seconds=4) + REQUEST_LIVES
"""The same if a process ended or lost its partition: it may send 4 s longer (`ownership.LEAVES_SECONDS`)."""
_KINDS: Final = {"call": "first", "write": "operator"}


def under_way(state: Conversation, own_id: str | None) -> tuple[Turn, Part] | None:
    """Return a message not known to be with the vendor, and its turn; None if nobody waits for it."""
    turn = state.turn
    for part in turn.parts if turn is not None else ():
        if part.own_id == own_id and part.state != "accepted":
            assert turn is not None, "it has parts"
            return turn, part
    return None


def on_slot(draft: Draft, slot: SlotTaken) -> None:
    """Use a send's place in the rate: record the intention, withdraw the message, or let the place go."""
    found = under_way(draft.state, slot.own_id)
    if (
        found is None
        or found[1].state != "planned"
        or came_back.holds(draft.state, found[0])
        or links.holds(draft.state)
    ):
        return
    turn, part = found
    if not opt_out.may_send(draft.state, part):
        draft.emit(Withdrawn(own_ids=(part.own_id,), reason="opted_out", turn_id=turn.id))
    elif not turn.is_first or not pace.spare_part(draft, part):
        draft.emit(Intended(own_id=part.own_id, content=window.needed_template(draft, part)))


def on_accepted(draft: Draft, accepted: SendAccepted) -> Sent | None:
    """Record that the vendor has a message; the last one ends the turn.

    Return None if that was known, or nobody waits for it.
    """
    found = under_way(draft.state, accepted.own_id)
    if found is None:
        return None
    event = sent(draft, *found, accepted)
    draft.emit(event)
    return event


def sent(draft: Draft, turn: Turn, part: Part, accepted: SendAccepted) -> Sent:
    """Return the event that the vendor has a message of a turn."""
    at = accepted.at or draft.now
    place = turn.parts.index(part)
    return Sent(
        own_id=part.own_id,
        sid=accepted.sid,
        content=accepted.body or part.body,
        kind=_KINDS.get(turn.kind, "reply"),
        turn_id=turn.id,
        part=place,
        message_id=draft.fresh.message_id(),
        is_last=all(each is part or each.state == "accepted" for each in turn.parts),
        sent_at=at,
        answers=turn.answers if place == 0 else (),
        response_seconds=_response_seconds(turn, at) if place == 0 else None,
        status=accepted.status,
        marks=_marks(turn),
        request_id=turn.request_id,
    )


def _response_seconds(turn: Turn, at: datetime) -> float | None:
    if not turn.answers or turn.asked_at is None:
        return None
    return (at - turn.asked_at).total_seconds()


def _marks(turn: Turn) -> Json:
    by_operator = {"by": "operator", "operator": turn.operator} if turn.kind == "write" else {}
    return by_operator | ({"replay": turn.replay} if turn.replay else {})


def on_not_made(draft: Draft, failure: SendNotMade) -> None:
    """Put off a message that was not sent; this number alone waits, all others go on."""
    found = under_way(draft.state, failure.own_id)
    if found is None or found[1].state == "unknown":
        return
    turn, part = found
    until = draft.now + holds.backoff(part.holds, draft.fresh.jitter(), failure.retry_after)
    reason: WaitReason = "backoff"
    if failure.slow:
        reason, until = "slow_number", max(until, draft.now + slow_numbers.wait_after(part.holds))
    if turn.is_first and failure.sender_until is not None:
        reason, until = "sender_limit", max(until, failure.sender_until)
    tries = part.holds + (0 if failure.vendor_away else 1)
    wait = Wait(reason=reason, until=until, tries=tries, code=failure.code, why=failure.why)
    _plan_again(draft, turn, part, wait)


def _plan_again(draft: Draft, turn: Turn, part: Part, wait: Wait) -> None:
    """Send later what was certainly not sent.

    Withdraw it if the person wants no messages by now, or somebody else speaks.
    """
    if (reason := silenced(draft.state, turn, part)) is None:
        to = links.moved_to(draft.state, part.to)
        draft.emit(Deferred(what="send", wait=wait, own_id=part.own_id, to=to))
    else:
        draft.emit(Withdrawn(own_ids=(part.own_id,), reason=reason, turn_id=turn.id))


def silenced(state: Conversation, turn: Turn, part: Part) -> str | None:
    """Return why a message may no longer go: it was neither planned nor sent when the others were withdrawn.

    What a replay has said again counts as said then.
    """
    if not opt_out.may_send(state, part):
        return "opted_out"
    taken_over, is_agents = state.taken_over_at, turn.kind == "reply" and part.notice is None
    said_at = turn.reopened_at or part.said_at
    if taken_over is None or not is_agents or said_at is None or said_at > taken_over:
        return None
    return "escalated" if state.status == "active" else state.status


def on_refused(draft: Draft, refusal: SendRefused) -> None:
    """Fail the turn of a message that was refused for good, and say why."""
    found = under_way(draft.state, refusal.own_id)
    if found is None or found[1].state == "unknown":
        return
    error = outcomes.refused(refusal.why, refusal.code, by_person=refusal.by_person)
    _fail(draft, found[0], refusal.why, error, code=refusal.code)
    if refusal.by_person:
        opt_out.by_vendor(draft, refusal.code)
    else:
        left_in_silence.refused(draft, found[0], refusal.why)


def _fail(
    draft: Draft, turn: Turn, why: str, error: Json, *, code: str | None = None, held: bool = False
) -> None:
    """End a turn that cannot be done; what the vendor has of it stays."""
    own_ids = tuple(part.own_id for part in turn.parts if part.state != "accepted")
    draft.emit(
        TurnFailed(
            turn_id=turn.id,
            what="first" if turn.kind == "call" else "reply",
            reason=why,
            error=error,
            code=code,
            send_state="held" if held else "refused",
            own_ids=own_ids,
            answers=turn.answers,
            turn=_to_go_on(turn),
        )
    )


def _to_go_on(turn: Turn) -> Turn:
    """Return the turn as it may go on.

    A refused message was certainly not sent; one of unknown outcome is looked up first.
    """
    parts = (
        replace(
            part, state="planned" if part.state == "intended" else part.state, wait=None, holds=0, looked=0
        )
        for part in turn.parts
    )
    return replace(turn, parts=tuple(parts))


def on_unknown(draft: Draft, unknown: SendUnknown) -> None:
    """Record an unknown outcome; it is looked up before anything else of this number."""
    found = under_way(draft.state, unknown.own_id)
    if found is not None and found[1].state == "intended":
        lives_until = _lives_until(draft, unknown)
        draft.emit(OutcomeUnknown(own_id=unknown.own_id, why=unknown.why, lives_until=lives_until))


def _lives_until(draft: Draft, unknown: SendUnknown) -> datetime:
    """Return the latest moment at which an attempt may have had its effect."""
    if unknown.answered:
        return draft.now
    return draft.now + ATTEMPT_LIVES if unknown.left_at is None else unknown.left_at + REQUEST_LIVES


def _is_wanted(turn: Turn, part: Part) -> bool:
    """Return whether an operator has asked for a message since it was last tried."""
    return turn.reopened_at is not None and (part.intended_at is None or part.intended_at < turn.reopened_at)


def on_recovered(draft: Draft, running: frozenset[str]) -> None:
    """Record an unknown outcome for a send intended by a process that is gone."""
    turn = draft.state.turn
    for part in turn.parts if turn else ():
        if part.state == "intended" and f"send:{part.own_id}:{part.tries}" not in running:
            why, lives_until = "the process that sent it ended", draft.now + ATTEMPT_LIVES
            draft.emit(OutcomeUnknown(own_id=part.own_id, why=why, lives_until=lives_until))


def on_lookup(draft: Draft, lookup: LookupDone) -> None:
    """Look a send up again, ever more rarely; if proven absent, send it again or leave it to an operator.

    What was found is accepted in `reports.on_lookup`.
    """
    found = under_way(draft.state, lookup.own_id)
    if found is None or found[1].state != "unknown":
        return
    turn, part = found
    if not lookup.absent:
        age = draft.now - (part.intended_at or part.said_at or draft.now)
        wait = holds.next_look(part.looked, age, draft.now, lookup)
        draft.emit(Deferred(what="lookup", wait=wait, own_id=part.own_id))
    elif draft.policy.unknown_send == "hold" and not _is_wanted(turn, part):
        why = "outcome unknown; left to an operator by TWILIO_UNKNOWN_SEND=hold"
        _fail(draft, turn, why, outcomes.refused(why, None, by_person=False), held=True)
    else:
        again = Wait(reason="backoff", until=draft.now, tries=part.holds, why="not found, sent again")
        _plan_again(draft, turn, part, again)
