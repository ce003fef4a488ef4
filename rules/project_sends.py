"""What an event changes in sends, messages and outcomes."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from rules import events as e
from rules import outcomes
from rules.state import Conversation
from rules.turns import Part, Turn
from schemas.rows import Change, Json, MessageRow, MessageTimes, Outcome, SendChange, SendColumns


def _answered(before: Conversation, event: e.Answered, at: e.Recorded) -> Iterator[Change]:
    for place, part in enumerate(event.parts):
        yield SendChange(
            own_id=part.own_id, columns=_planned(before, event.turn_id, event.kind, at, place, part)
        )
    if event.intended and event.parts:
        yield _intention(event.parts[0], at)
    if not event.parts and event.kind == "call" and event.event_id is not None:
        yield Outcome(kind="call", event_id=event.event_id, outcome=outcomes.skipped())


def _planned(
    before: Conversation, turn_id: int, kind: str, at: e.Recorded, place: int, part: Part
) -> SendColumns:
    return SendColumns(
        phone_number=before.key,
        conversation_id=at.conversation_id,
        turn_id=turn_id,
        turn_kind=part.kind_in(kind),
        part=place,
        to_address=part.to,
        body=part.body,
        content=part.content,
        state="planned",
        planned_at=part.said_at or at.at,
        times=part.times,
        origin_turn=turn_id if part.origin_turn is None else part.origin_turn,
        origin_part=place if part.origin_part is None else part.origin_part,
    )


def _intention(part: Part, at: e.Recorded) -> Change:
    columns = SendColumns(state="intended", tries=part.tries + 1, intended_at=at.at)
    return SendChange(own_id=part.own_id, columns=columns)


def _intended(before: Conversation, event: e.Intended, at: e.Recorded) -> Iterator[Change]:
    for part in before.turn.parts if before.turn else ():
        if part.own_id == event.own_id:
            yield _intention(part, at)
    if event.content is not None:
        yield SendChange(own_id=event.own_id, columns=SendColumns(content=event.content))


def _unknown(before: Conversation, event: e.OutcomeUnknown, at: e.Recorded) -> Iterator[Change]:
    yield SendChange(own_id=event.own_id, columns=SendColumns(state="unknown"))


def _deferred(before: Conversation, event: e.Deferred, at: e.Recorded) -> Iterator[Change]:
    if event.what == "send" and event.own_id is not None:
        columns = SendColumns(state="planned", error_code=event.wait.code)
        if event.to is not None:
            columns["to_address"] = event.to
        yield SendChange(own_id=event.own_id, columns=columns)


def _withdrawn(before: Conversation, event: e.Withdrawn, at: e.Recorded) -> Iterator[Change]:
    turn = next((each for each in before.turns if each.id == event.turn_id), None)
    for part in turn.parts if turn is not None else ():
        if part.own_id in event.own_ids and part.state != "accepted":
            yield SendChange(own_id=part.own_id, columns=SendColumns(state="withdrawn"))
    if turn is not None and _is_over(turn, event):
        since = before.opt_out.since if before.opt_out is not None else None
        yield from _failed_outcome(turn, outcomes.withdrawn(event.reason, since, before.key))


def _is_over(turn: Turn, event: e.Withdrawn) -> bool:
    """Return whether nothing of a turn is left; a first message that was sent already has its outcome."""
    rest = [part for part in turn.parts if part.state != "accepted" and part.own_id not in event.own_ids]
    return not rest and not (turn.kind == "call" and any(part.state == "accepted" for part in turn.parts))


def _sent(before: Conversation, event: e.Sent, at: e.Recorded) -> Iterator[Change]:
    yield SendChange(own_id=event.own_id, columns=_accepted(event))
    is_under_way = before.turn is not None and before.turn.id == event.turn_id
    turn = event.proven or (before.turn if is_under_way else None)
    metadata = {"own_id": event.own_id, "turn_id": event.turn_id, "request_id": event.request_id}
    yield MessageRow(
        id=event.message_id,
        conversation_id=at.conversation_id,
        direction="outbound",
        content=event.content,
        twilio_message_id=event.sid,
        elevenlabs_response=turn.reply if turn else None,
        sent_at=event.sent_at,
        delivered_at=event.delivered_at,
        read_at=event.read_at,
        metadata=metadata | event.marks,
    )
    if turn is not None and turn.event_id is not None:
        if turn.kind == "call" and event.part == 0:
            yield Outcome(kind="call", event_id=turn.event_id, outcome=outcomes.sent(event.sid))
        elif turn.kind == "write" and event.is_last:
            sent = outcomes.of_command("write", outcomes.sent(event.sid))
            yield Outcome(kind="command", event_id=turn.event_id, outcome=sent)


def _accepted(event: e.Sent) -> SendColumns:
    return SendColumns(
        state="accepted",
        sid=event.sid,
        status=event.status,
        body=event.content,
        message_id=event.message_id,
        accepted_at=event.sent_at,
        error_code=None,
    )


def _delivered(before: Conversation, event: e.Delivered, at: e.Recorded) -> Iterator[Change]:
    columns = SendColumns(
        sid=event.sid,
        status=event.status,
        rank=event.rank,
        delivered_at=event.delivered_at,
        read_at=event.read_at,
    )
    yield SendChange(own_id=event.own_id, columns=columns)
    if event.message_id is not None and (event.delivered_at or event.read_at):
        yield MessageTimes(id=event.message_id, delivered_at=event.delivered_at, read_at=event.read_at)


def _delivery_failed(before: Conversation, event: e.DeliveryFailed, at: e.Recorded) -> Iterator[Change]:
    columns = SendColumns(sid=event.sid, status=event.status, rank=event.rank, error_code=event.code)
    if event.came_back is not None:
        columns["came_back"] = True
    yield SendChange(own_id=event.own_id, columns=columns)


def _failed(before: Conversation, event: e.TurnFailed, at: e.Recorded) -> Iterator[Change]:
    for own_id in event.own_ids:
        yield SendChange(own_id=own_id, columns=SendColumns(state=event.send_state, error_code=event.code))
    turn = before.turn
    if turn is not None and turn.id == event.turn_id:
        yield from _failed_outcome(turn, event.error)


def _failed_outcome(turn: Turn, error: Json) -> Iterator[Change]:
    if turn.event_id is None:
        return
    if turn.kind == "call":
        yield Outcome(kind="call", event_id=turn.event_id, outcome=outcomes.failed(error))
    elif turn.kind == "write":
        refused = outcomes.of_command("write", outcomes.command_refused(error))
        yield Outcome(kind="command", event_id=turn.event_id, outcome=refused)


def _reopened(before: Conversation, event: e.Reopened, at: e.Recorded) -> Iterator[Change]:
    turn = event.turn
    for place, part in enumerate(turn.parts):
        if turn.kind == "again" and not part.tries:  # its message may be a new one
            yield SendChange(own_id=part.own_id, columns=_reopened_columns(before, turn, at, place))
        elif part.state != "accepted":
            columns = SendColumns(state=part.state, to_address=part.to, error_code=None)
            yield SendChange(own_id=part.own_id, columns=columns)


def _reopened_columns(before: Conversation, turn: Turn, at: e.Recorded, place: int) -> SendColumns:
    columns = _planned(before, turn.id, turn.kind, at, place, turn.parts[place])
    columns["error_code"] = None
    return columns


HANDLERS: Final[dict[type[object], Callable[[Conversation, Any, e.Recorded], Iterator[Change]]]] = {
    e.Answered: _answered,
    e.Intended: _intended,
    e.OutcomeUnknown: _unknown,
    e.Deferred: _deferred,
    e.Withdrawn: _withdrawn,
    e.Sent: _sent,
    e.Delivered: _delivered,
    e.DeliveryFailed: _delivery_failed,
    e.TurnFailed: _failed,
    e.Reopened: _reopened,
}
