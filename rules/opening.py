"""A call ended: the conversation begins, or begins again in the same row, with a personal first message."""

from rules import call_details, came_back, confirming, follow_ups, links, pace, takeover, window
from rules.draft import Draft
from rules.events import Answered, Declined, Queued, Reopened, Started, Unanswered
from rules.inputs import CallEnded, DetailsFetched
from rules.outcomes import already_followed_up, opted_out, skipped, superseded
from rules.state import Conversation
from rules.turns import Turn, Waiting
from rules.wording import client_of
from schemas.events import CallCompleted
from schemas.rows import Json
from schemas.window import is_open

# As wide as the contract's column.
_LONGEST_NAME = 255


def on_call(draft: Draft, ended: CallEnded) -> None:
    """Begin the conversation, or have the call wait behind what the number has open."""
    if draft.state.is_idle or not draft.state.has_begun:
        begin(draft, ended, ended.call.event_id)
        return
    draft.emit(Queued(waiting=waiting_call(ended)))


def waiting_call(ended: CallEnded) -> Waiting:
    """Return a call that waits for its turn."""
    return Waiting(
        kind="call",
        event_id=ended.call.event_id,
        at=ended.received_at,
        payload=ended.call.model_dump(mode="json")
        | {"_former": ended.former, "_followed_up": ended.followed_up},
        request_id=ended.request_id,
        trace=ended.trace,
    )


def begin_queued(draft: Draft, waiting: Waiting) -> None:
    """Begin with a call that waited. One that a replay wants done again gets its first message again."""
    ended = ended_call(waiting)
    if waiting.replay is None:
        begin(draft, ended, waiting.event_id)
    elif ended.call.event_id == draft.state.elevenlabs_conversation_id and draft.state.opt_out is None:
        draft.emit(Reopened(turn=_again(draft, waiting), replay=waiting.replay))
    else:
        _decline(draft, waiting.event_id, "superseded", superseded())


def ended_call(waiting: Waiting) -> CallEnded:
    """Return the call that waits."""
    payload = dict(waiting.payload or {})
    former, followed_up = payload.pop("_former", None), payload.pop("_followed_up", None)
    return CallEnded(
        call=CallCompleted.from_object(payload),
        received_at=waiting.at,
        former=former,
        followed_up=followed_up,
        request_id=waiting.request_id,
        trace=waiting.trace,
    )


def _again(draft: Draft, waiting: Waiting) -> Turn:
    return Turn(
        id=draft.fresh.turn_id(),
        kind="call",
        began_at=draft.now,
        event_id=waiting.event_id,
        request_id=waiting.request_id,
        replay=waiting.replay,
        trace=waiting.trace,
    )


def begin(draft: Draft, ended: CallEnded, event_id: str) -> None:
    """Begin with a call, unless no conversation follows it. `event_id`: the id it came or waited under."""
    call, state = ended.call, draft.state
    if state.opt_out is not None:
        _decline(draft, event_id, "opted_out", opted_out(state.key, state.opt_out.since))
    elif draft.policy.statuses.opening(call.status) is None:
        _decline(draft, event_id, "skipped", skipped())
    elif (sid := follow_ups.earlier(state, ended, draft.policy)) is not None:
        _decline(draft, event_id, "repeated", already_followed_up(sid))
    else:
        draft.emit(_started(draft, ended, event_id))
        turn = draft.state.turn
        assert turn is not None, "a call begins with its first message"
        pace.spare(draft, turn)
        take_up_parked(draft)


def _decline(draft: Draft, event_id: str, reason: str, outcome: Json) -> None:
    draft.emit(Declined(event_id=event_id, reason=reason, outcome=outcome))  # type: ignore[arg-type]


def _started(draft: Draft, ended: CallEnded, event_id: str) -> Started:
    call, metadata = ended.call, ended.call.call_metadata
    return Started(
        client_name=call.client_name[:_LONGEST_NAME],
        agent_id=call.agent_id,
        elevenlabs_conversation_id=call.event_id,
        address=f"whatsapp:{call.recipient.phone_number}",
        agent_name=call.agent_name,
        batch_id=call.batch_id,
        batch_name=call.batch_name,
        group_id=metadata.group_id,
        group_name=call.group_name,
        language=metadata.language,
        recipient_id=call.recipient.id,
        status=call.status,
        stands=takeover.since(draft.state, ended.received_at),
        turn_id=draft.fresh.turn_id(),
        request_id=ended.request_id,
        received_at=ended.received_at,
        event_id=event_id if event_id != call.event_id else None,
        call=call.model_dump(mode="json"),
        former=_former(draft.state, ended.former or {}),
        trace=ended.trace,
    )


def _former(state: Conversation, given: Json) -> Json | None:
    """Return the previous call as it stands now, for the archive: the new one may have waited long."""
    if not state.has_begun:
        return None
    known = given if given.get("elevenlabs_conversation_id") == state.elevenlabs_conversation_id else {}
    return {
        "elevenlabs_conversation_id": state.elevenlabs_conversation_id,
        "agent_id": state.agent_id,
        "batch_id": state.batch_id,
        "recipient_id": state.recipient_id or known.get("recipient_id"),
        "started_at": state.started_at.isoformat() if state.started_at else None,
        "call_summary": known.get("call_summary") or state.summary,
        "call_duration_secs": known.get("call_duration_secs") or state.call_duration_secs,
    }


def take_up_parked(draft: Draft) -> None:
    """Execute the commands in a number's messages from before its conversation began."""
    commands = [each for each in draft.state.inbox if each.kind == "message" and each.intent is not None]
    wants_a_person = next((each for each in commands if each.intent == "handoff"), None)
    if wants_a_person is not None and takeover.change(
        draft, "escalated", "client", message_sid=wants_a_person.event_id
    ):
        confirming.confirm(draft, "escalated", wants_a_person)
    elif commands:
        draft.emit(Unanswered(message_sids=tuple(each.event_id for each in commands), reason="command"))


def on_details(draft: Draft, fetched: DetailsFetched) -> None:
    """Make the first message: the call's details are there, or no longer waited for."""
    if not draft.state.awaits_first_message:
        call_details.on_fetched(draft, fetched)
        return
    if fetched.call_id != draft.state.call_id:
        return
    if fetched.details is not None:
        call_details.learn(draft, fetched.details)
    turn = draft.state.turn
    assert turn is not None, "looked at above"
    if not pace.spare(draft, turn):
        _greet(draft, turn, slot=fetched.slot)


def _greet(draft: Draft, turn: Turn, *, slot: bool) -> None:
    state = draft.state
    words = draft.spoken.wording.first(
        client_of(state), window_is_open=is_open(state.last_inbound_at, draft.now)
    )
    parts = (window.fit(draft, draft.part(words.body, words.content)),) if words.body else ()
    draft.emit(
        Answered(
            turn_id=turn.id,
            kind="call",
            text=words.body,
            parts=parts,
            reply={"text": words.body},
            intended=slot and bool(parts) and not (came_back.holds(state, turn) or links.holds(state)),
            details_missing=bool(state.call_id) and not call_details.are_whole(state),
            asked_at=turn.asked_at,
            event_id=turn.event_id,
            request_id=turn.request_id,
            replay=turn.replay,
            trace=turn.trace,
        )
    )
