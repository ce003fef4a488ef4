"""Replays that want more than a redelivery does.

A failed turn goes on, once nothing else is open; an input that is done is done again.
"""

from rules import links
from rules.draft import Draft
from rules.events import Queued, Reopened, Repeated, Unanswered
from rules.failed_turns import turn_json, turn_of
from rules.inputs import ReplayWanted
from rules.state import Conversation, replace
from rules.turns import Turn, Waiting
from schemas.rows import Json


def on_replay(draft: Draft, replay: ReplayWanted) -> None:
    """Do what a replay asks for, unless nothing may be said, or something later was said.

    Nothing may be said if the person wants no messages or a person of the team stands in. A turn waits for
    what is open, because that may fail, too.
    """
    state, turn = draft.state, replay.turn
    if not _may_speak(state) or replay.superseded:
        return
    if replay.wants == "again":
        _repeat(draft, replay, replay.replay)
    elif turn is not None and turn.parts:
        _go_on(draft, replay, turn)
    elif state.is_idle or not state.has_begun:
        _repeat(draft, replay, None)


def _may_speak(state: Conversation) -> bool:
    return state.opt_out is None and state.status != "escalated"


def _go_on(draft: Draft, replay: ReplayWanted, turn: Turn) -> None:
    if draft.state.said_turn > turn.id:  # since the store was asked
        return
    if replay.burnt and goes_out_again(draft.state, turn):
        return
    if draft.state.is_idle:
        _reopen(draft, turn, replay.replay, replay.identity, burnt=replay.burnt)
        return
    kept: Json = {"turn": turn_json(turn)} | ({"burnt": True} if replay.burnt else {})
    waiting = Waiting(
        kind="replay",
        event_id=replay.identity,
        at=draft.now,
        text=replay.waiting.kind,
        payload=kept,
        replay=replay.replay,
        trace=replay.waiting.trace,
    )
    draft.emit(Queued(waiting=waiting))


def begin(draft: Draft, waiting: Waiting) -> None:
    """Go on with a turn that waited, unless something later was said or a person took over meanwhile."""
    payload = waiting.payload or {}
    turn = turn_of(payload["turn"])
    is_superseded = draft.state.said_turn > turn.id or _is_late(draft.state, turn, waiting)
    if _may_speak(draft.state) and not is_superseded:
        _reopen(draft, turn, waiting.replay or "", waiting.event_id, burnt="burnt" in payload)
    else:
        draft.emit(Unanswered(message_sids=(waiting.event_id,), reason="superseded"))


def _is_late(state: Conversation, turn: Turn, waiting: Waiting) -> bool:
    """Return whether an operator has taken over from the agent since the replay was asked for."""
    taken_over = state.taken_over_at
    return turn.kind == "reply" and taken_over is not None and taken_over >= waiting.at


def goes_out_again(state: Conversation, turn: Turn) -> bool:
    """Return whether a burnt turn has come back by itself."""
    ids = {turn.id, turn.origin}
    return any(back.turn_id in ids for back in state.came_back) or any(
        each.origin in ids for each in state.turns
    )


def _reopen(draft: Draft, turn: Turn, replay: str, identity: str, *, burnt: bool) -> None:
    reopened = _said_again(draft, turn, replay) if burnt else links.readdressed(draft.state, turn)
    draft.emit(Reopened(turn=reopened, replay=replay, identity=identity))


def _said_again(draft: Draft, turn: Turn, replay: str) -> Turn:
    """Return a turn of new messages, because those that failed are final."""
    parts = (
        replace(
            draft.part(part.body, part.content),
            origin_turn=part.origin_turn,
            origin_part=part.origin_part,
            times=part.times,
        )
        for part in turn.parts
        if part.state != "accepted"
    )
    return Turn(
        id=draft.fresh.turn_id(),
        kind="again",
        began_at=draft.now,
        parts=tuple(parts),
        repeats=turn.kind,
        replay=replay,
        trace=turn.trace,
    )


def _repeat(draft: Draft, replay: ReplayWanted, mark: str | None) -> None:
    """Have an input wait for its turn again. `mark`: None if it is to be like the first time."""
    waiting = replace(replay.waiting, event_id=replay.identity, replay=mark)
    if waiting.kind != "message" or draft.state.has_begun:
        draft.emit(Repeated(identity=replay.identity, replay=replay.replay, waiting=waiting))
