"""A conversation of the former build becomes one of this build: its state, and what follows at once.

The state is what the rows say. Then comes what the former build knew or had stored, and had not come round
to: sends that a report proved, sends whose owner is gone, messages, calls and texts that waited behind a
turn, and replays. These are given to the rules in order, so that they end as everything else does. Nothing is
begun here: whoever owns the conversation does that, with its own settings.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from rules import replays, replying, sending
from rules.draft import Draft, Fresh
from rules.events import Queued, Recorded, Snapshot
from rules.inputs import ReplayWanted, SendAccepted
from rules.policy import Policy
from rules.project import project
from rules.state import Conversation
from rules.turns import Turn, Waiting
from rules.upgrade.inputs import message, waiting_call, waiting_message, waiting_text
from rules.upgrade.state import state_of
from rules.upgrade.turns import turn_of
from schemas.former import FormerConversation, FormerInput, FormerReplay, FormerRow, FormerSend, FormerTurn
from schemas.rows import BackendPost, Change, Json, SeenRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """A conversation after its upgrade."""

    state: Conversation
    #: each with the state after it; of a conversation that had begun, the first is its snapshot
    events: tuple[tuple[Recorded, Conversation], ...]
    changes: tuple[Change, ...]  #: of the rows
    failed: tuple[Turn, ...]  #: turns that failed, for a replay or a report to go on with


def upgrade(former: FormerConversation, now: datetime, policy: Policy, fresh: Fresh) -> Upgraded:
    """Return what becomes of a conversation."""
    before = state_of(former, now, policy)
    draft = Draft(before, now, policy, fresh)
    if former.row is not None:
        draft.emit(Snapshot(state=before))
    for turn in former.turns:
        _take_up_sends(draft, turn)
    for given in former.parked:
        draft.now = given.taken_at  # it has waited since then
        _TAKE_UP[given.kind](draft, given, former.row)
    draft.now = now
    for replay in former.replays:
        _take_up_replay(draft, replay)
    events, changes = _steps(before, draft)
    posts = tuple(_post(former, number) for number in (post.number for post in before.posts))
    failed = tuple(turn_of(turn) for turn in former.turns if turn.state == "failed")
    return Upgraded(state=draft.state, events=events, changes=(*posts, *changes), failed=failed)


def _take_up_sends(draft: Draft, turn: FormerTurn) -> None:
    if turn.state != "answered":
        return
    for send in turn.sends:
        if send.sid is not None and send.state == "intended":
            _prove(draft, send)
    sending.on_recovered(draft, frozenset())


def _prove(draft: Draft, send: FormerSend) -> None:
    """Record that the vendor has had a message since it was intended.

    A report has told the vendor's id, or a fenced owner has.
    """
    found = sending.under_way(draft.state, send.own_id)
    if found is None or send.sid is None:
        return
    accepted = SendAccepted(own_id=send.own_id, sid=send.sid, status=send.status, at=send.intended_at)
    sent = sending.sent(draft, *found, accepted)
    draft.emit(replace(sent, delivered_at=send.delivered_at, read_at=send.read_at))


def _message(draft: Draft, given: FormerInput, row: FormerRow | None) -> None:
    replying.on_message(draft, message(given))


def _call(draft: Draft, given: FormerInput, row: FormerRow | None) -> None:
    draft.emit(Queued(waiting=waiting_call(given, _former_call(row))))


def _command(draft: Draft, given: FormerInput, row: FormerRow | None) -> None:
    """Queue an operator's text: only these wait, and it was recorded as a command when it came."""
    draft.emit(Queued(waiting=waiting_text(given)))


_TAKE_UP: Final[dict[str, Callable[[Draft, FormerInput, FormerRow | None], None]]] = {
    "message": _message,
    "call": _call,
    "command": _command,
}


def _former_call(row: FormerRow | None) -> Json | None:
    if row is None:
        return None
    return {
        "elevenlabs_conversation_id": row.elevenlabs_conversation_id,
        "agent_id": row.agent_id,
        "batch_id": row.batch_id,
        "recipient_id": row.recipient_id,
        "started_at": row.started_at.isoformat() if row.started_at else None,
        "call_summary": row.call_summary,
        "call_duration_secs": row.call_duration_secs,
    }


def _take_up_replay(draft: Draft, given: FormerReplay) -> None:
    """Take up a replay.

    If the number is not free, what is open now will be said later than the turn that failed.
    """
    wanted = ReplayWanted(
        replay=given.replay,
        wants="again" if given.replay else "failed",
        waiting=_replayed(given.event),
        identity=_identity(given),
        turn=None if given.replay or given.turn.state != "failed" else turn_of(given.turn),
        superseded=not given.replay and given.turn.state != "failed",
    )
    replays.on_replay(draft, wanted)


def _replayed(given: FormerInput) -> Waiting:
    return waiting_message(given) if given.kind == "message" else waiting_call(given, None)


def _identity(given: FormerReplay) -> str:
    """Return what the former build remembered a repetition by, so that one it has done is not done again."""
    digest = hashlib.md5(given.event.event_id.encode(), usedforsecurity=False).hexdigest()
    return f"replay:{given.replay}:{digest}"


def _steps(
    before: Conversation, draft: Draft
) -> tuple[tuple[tuple[Recorded, Conversation], ...], tuple[Change, ...]]:
    """Return events and changes. The ids of inputs are remembered already, but for those of repetitions."""
    changes = list[Change]()
    for recorded, after in draft.steps:
        changes += [each for each in project(before, recorded, after) if not _is_known(each)]
        before = after
    return tuple(draft.steps), tuple(changes)


def _is_known(change: Change) -> bool:
    return isinstance(change, SeenRow) and not change.event_id.startswith("replay:")


def _post(former: FormerConversation, number: int) -> BackendPost:
    payload = next(post.payload for post in former.posts if post.payload["number"] == number)
    return BackendPost(
        conversation_id=payload["conversation_id"], number=number, phone_number=former.key, payload=payload
    )
