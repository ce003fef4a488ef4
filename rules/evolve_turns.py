"""The fold of what happens in a turn: planned, intended, sent, reported, failed."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, cast

from rules import events as e
from rules.state import Conversation, LastWords, replace
from rules.turns import APOLOGY, ENDED_BY_CLIENT, CameBack, Part, Turn, TurnKind, Wait, Waiting
from schemas.statuses import rank_of

REPORT_WAIT: Final = timedelta(seconds=3)
"""How long a message waits for the report that the previous one has left the vendor, where reports come.

Two messages created 15 ms apart may arrive in the wrong order. The report comes within a second; a
longer wait would be noticed.
"""
_LEFT: Final = rank_of("sent")


def _answered(state: Conversation, event: e.Answered, at: e.Recorded) -> Conversation:
    former = state.turn if state.turn is not None and state.turn.id == event.turn_id else None
    turn = _planned(event, at, former)
    done = {*event.answers, event.event_id}
    missing = Wait(reason="backoff", until=at.at) if event.details_missing else state.lookups
    inbox = tuple(each for each in state.inbox if each.event_id not in done)
    planned = replace(
        state,
        inbox=inbox,
        lookups=missing,
        ask_wait=wait_to_ask(state, inbox),
        last_words=unless_of(state, event.answers) if event.problem is not None else state.last_words,
        said_meanwhile_since=None if event.caught_up else state.said_meanwhile_since,
        came_back=tuple(each for each in state.came_back if each.turn_id != event.came_back_of),
    )
    if state.turn is not None and former is None:  # what came back goes out before the rest of it
        planned = replace(planned, behind=(*state.behind, state.turn))
    return _at(planned, turn if turn.parts else None)


def unless_of(state: Conversation, event_ids: Iterable[str]) -> LastWords | None:
    """Return the client's newest words, unless these messages said them: those have no answer to share."""
    last = state.last_words
    return None if last is None or last.event_id in event_ids else last


def wait_to_ask(state: Conversation, inbox: tuple[Waiting, ...]) -> Wait | None:
    """Return why the agent is not asked yet, if these are waiting.

    A question's tries are its own, whatever else ends.
    """
    is_same = inbox[:1] and state.inbox[:1] and inbox[0].event_id == state.inbox[0].event_id
    return state.ask_wait if is_same else None


def _planned(event: e.Answered, at: e.Recorded, former: Turn | None) -> Turn:
    parts = event.parts
    if event.intended and parts:
        parts = (_tried(parts[0], at.at), *parts[1:])
    return Turn(
        id=event.turn_id,
        kind=cast(TurnKind, event.kind),
        began_at=former.began_at if former else at.at,
        answers=event.answers,
        asked_at=event.asked_at,
        event_id=event.event_id,
        request_id=event.request_id,
        reply=event.reply,
        seconds=event.seconds,
        parts=parts,
        paced=former.paced if former else False,
        operator=event.operator,
        replay=event.replay,
        repeats=event.repeats,
        trace=event.trace,
    )


def _at(state: Conversation, turn: Turn | None) -> Conversation:
    """Return the state with this turn under way or, if nothing of it is left, what waited behind it."""
    if turn is not None and (turn.next_part is not None or (turn.kind == "call" and not turn.parts)):
        return replace(state, turn=turn)
    if not state.behind:
        return replace(state, turn=None)
    return replace(state, turn=state.behind[-1], behind=state.behind[:-1])


def _tried(part: Part, at: datetime) -> Part:
    return replace(
        part, state="intended", tries=part.tries + 1, intended_at=at, wait=None, lives_until=None, looked=0
    )


def _deferred(state: Conversation, event: e.Deferred, at: e.Recorded) -> Conversation:
    if event.what == "ask":
        return replace(state, ask_wait=event.wait)
    if event.what == "details":
        return replace(state, lookups=event.wait)
    if state.turn is None:
        return state
    if event.what == "turn":
        paced = state.turn.paced or event.wait.reason == "campaign_pace"
        put_off = replace(state.turn, wait=event.wait, holds=event.wait.tries, paced=paced)
        return replace(state, turn=put_off)
    return _with_part(state, event.own_id, lambda part: _put_off(part, event))


def _put_off(part: Part, event: e.Deferred) -> Part:
    if event.what == "lookup":
        return replace(part, looked=part.looked + 1, wait=event.wait)
    return replace(part, state="planned", to=event.to or part.to, wait=event.wait, holds=event.wait.tries)


def _released(state: Conversation, event: e.Released, at: e.Recorded) -> Conversation:
    behind = tuple(_free(each, event) for each in state.behind)
    turn = None if state.turn is None else _free(state.turn, event)
    return replace(state, turn=turn, behind=behind)


def _free(turn: Turn, event: e.Released) -> Turn:
    if turn.id != event.turn_id:
        return turn
    parts = tuple(replace(part, wait=_unless_spared(part.wait)) for part in turn.parts)
    return replace(turn, wait=None, paced=turn.paced or event.paced, parts=parts)


def _unless_spared(wait: Wait | None) -> Wait | None:
    return None if wait is not None and wait.reason in ENDED_BY_CLIENT else wait


def _intended(state: Conversation, event: e.Intended, at: e.Recorded) -> Conversation:
    def tried(part: Part) -> Part:
        return _tried(part if event.content is None else replace(part, content=event.content), at.at)

    part = state.turn.next_part if state.turn is not None else None
    if part is not None and _waits_for_order(part):
        # It waited in vain: the rest does not wait again until a report comes.
        state = replace(state, reports_come=False)
    return _with_part(state, event.own_id, tried)


def _unknown(state: Conversation, event: e.OutcomeUnknown, at: e.Recorded) -> Conversation:
    def unknown(part: Part) -> Part:
        return replace(part, state="unknown", wait=None, lives_until=event.lives_until)

    return _with_part(state, event.own_id, unknown)


def _withdrawn(state: Conversation, event: e.Withdrawn, at: e.Recorded) -> Conversation:
    came_back = tuple(each for each in state.came_back if each.turn_id != event.turn_id)
    rest = replace(state, came_back=came_back)
    behind = tuple(turn for each in state.behind if (turn := _left(each, event)) is not None)
    rest = replace(rest, behind=behind)
    return rest if state.turn is None else _at(rest, _left(state.turn, event))


def _left(turn: Turn, event: e.Withdrawn) -> Turn | None:
    if turn.id != event.turn_id:
        return turn
    kept = (part for part in turn.parts if part.state == "accepted" or part.own_id not in event.own_ids)
    left = replace(turn, parts=tuple(kept))
    return None if left.next_part is None else left


def _sent(state: Conversation, event: e.Sent, at: e.Recorded) -> Conversation:
    newest = max(filter(None, (state.last_message_at, event.sent_at)))
    counted = replace(state, message_count=state.message_count + 1, last_message_at=newest)
    if event.kind == "operator":
        counted = replace(counted, escalated_at=at.at)
    if _is_apology(state.turn, event.own_id):  # what it apologises for may still be said
        counted = replace(counted, apologised_turn=max(counted.apologised_turn, event.turn_id))
    else:
        counted = replace(counted, said_turn=max(counted.said_turn, event.turn_id))
    if event.kind == "first":
        counted = replace(counted, first_sid=event.sid)
    if counted.turn is None:
        return counted
    accepted = _with_part(counted, event.own_id, lambda part: replace(part, state="accepted", wait=None))
    assert accepted.turn is not None, "as before"
    waits = accepted.early_reports if accepted.turn.is_in_flight else ()  # otherwise no acceptance is awaited
    early = tuple(report for report in waits if report.sid != event.sid)
    told = replace(accepted, early_reports=early)
    if state.reports_come and (following := _behind(accepted.turn, event.own_id)) is not None:
        told = _with_part(told, following.own_id, lambda part: _in_order(part, at.at))
    return _at(told, told.turn)


def _is_apology(turn: Turn | None, own_id: str) -> bool:
    return turn is not None and any(part.own_id == own_id and part.notice == APOLOGY for part in turn.parts)


def _behind(turn: Turn, own_id: str) -> Part | None:
    """Return the message that follows this one in its turn."""
    for part, following in pairwise(turn.parts):
        if part.own_id == own_id:
            return following
    return None


def _in_order(part: Part, at: datetime) -> Part:
    return (
        replace(part, wait=Wait(reason="order", until=at + REPORT_WAIT)) if part.state == "planned" else part
    )


def _waits_for_order(part: Part) -> bool:
    return part.wait is not None and part.wait.reason == "order"


def _reported(state: Conversation, event: e.Delivered | e.DeliveryFailed, at: e.Recorded) -> Conversation:
    """End the next message's wait for order: this one has left the vendor, or never will."""
    if event.rank < _LEFT:
        return state
    is_first = isinstance(event, e.Delivered) and not state.reports_come
    known = replace(state, reports_come=True) if is_first else state
    following = _behind(state.turn, event.own_id) if state.turn is not None else None
    if following is None or not _waits_for_order(following):
        return known
    return _with_part(known, following.own_id, lambda part: replace(part, wait=None))


def _failed(state: Conversation, event: e.TurnFailed, at: e.Recorded) -> Conversation:
    inbox = tuple(each for each in state.inbox if each.event_id not in event.answers)
    rest = replace(
        state, inbox=inbox, ask_wait=wait_to_ask(state, inbox), last_words=unless_of(state, event.answers)
    )
    is_ours = state.turn is not None and state.turn.id == event.turn_id
    return _at(rest, None) if is_ours else rest


def _delivery_failed(state: Conversation, event: e.DeliveryFailed, at: e.Recorded) -> Conversation:
    told = replace(_reported(state, event, at), last_words=None)
    if event.came_back is None:
        return told
    return replace(told, came_back=_joined(told.came_back, event.came_back))


def _joined(known: Iterable[CameBack], new: CameBack) -> tuple[CameBack, ...]:
    """Keep parts of one turn together in order, with the turn that was said first at the front."""
    rest = []
    for each in known:
        if each.turn_id == new.turn_id:
            new = _both(each, new)
        else:
            rest.append(each)
    return tuple(sorted((*rest, new), key=lambda each: (each.since, each.turn_id)))


def _both(known: CameBack, new: CameBack) -> CameBack:
    return replace(
        new,
        parts=tuple(sorted((*known.parts, *new.parts), key=lambda part: part.origin_part or 0)),
        since=min(known.since, new.since),
        due=max(known.due, new.due),
        times=max(known.times, new.times),
        as_template=known.as_template or new.as_template,
    )


def _reopened(state: Conversation, event: e.Reopened, at: e.Recorded) -> Conversation:
    inbox = tuple(each for each in state.inbox if each.event_id not in (event.turn.event_id, event.identity))
    # A proof has it go on as well, but nobody has asked for that.
    turn = replace(event.turn, reopened_at=at.at) if event.replay else event.turn
    return replace(state, turn=turn, inbox=inbox)


def _with_part(state: Conversation, own_id: str | None, change: Callable[[Part], Part]) -> Conversation:
    if state.turn is None:
        return state
    parts = tuple(change(part) if part.own_id == own_id else part for part in state.turn.parts)
    return replace(state, turn=replace(state.turn, parts=parts))


HANDLERS: Final[dict[type[object], Callable[[Conversation, Any, e.Recorded], Conversation]]] = {
    e.Answered: _answered,
    e.Deferred: _deferred,
    e.Released: _released,
    e.Intended: _intended,
    e.OutcomeUnknown: _unknown,
    e.Withdrawn: _withdrawn,
    e.Sent: _sent,
    e.TurnFailed: _failed,
    e.Delivered: _reported,
    e.DeliveryFailed: _delivery_failed,
    e.Reopened: _reopened,
}
