"""Former builds' events about turns: answered, sent, reported, failed, reopened."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC

from rules import events as e
from rules.earlier_values import part_of, time_of
from rules.slow_numbers import wait_after
from rules.state import Conversation
from rules.turns import CameBack, Part, Turn
from schemas.events import ConversationEvent
from schemas.rows import Json

Read = Iterator[e.Event]


@dataclass(slots=True)
class Memory:
    """What later events of the same conversation name without repeating it."""

    message_id: Callable[[], int]  #: for messages of version 1, which had no ids
    failed: dict[int, Turn] = field(default_factory=dict)  #: turns that failed
    #: by our id: turn, its kind, message
    sends: dict[str, tuple[int, str, Part]] = field(default_factory=dict)
    commands: set[str] = field(default_factory=set)


def questions(state: Conversation) -> tuple[str, ...]:
    return tuple(each.event_id for each in state.inbox if each.kind == "message")


def details(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    data = event.data
    details = (data.get("metadata") or {}).get("details")
    if details is None and "call_summary" not in data:
        return
    summary, seconds = data.get("call_summary"), data.get("call_duration_secs")
    is_whole = summary is not None and seconds is not None
    yield e.DetailsLearned(
        call_summary=summary, call_duration_secs=seconds, details=details or {}, is_whole=is_whole
    )


def answered(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    yield from details(known, before, event)
    data, rule = event.data, event.data.get("rule") or {}
    kind, turn_id, again = data.get("kind") or "reply", data.get("turn_id") or 0, rule.get("again") or {}
    parts = tuple(part_of(each, place, event, again) for place, each in enumerate(data.get("parts") or ()))
    known.sends |= {part.own_id: (turn_id, kind, part) for part in parts}
    answers = questions(before) if kind == "reply" else ()
    asked = [each for each in before.inbox if each.event_id in answers]
    problem = {"code": data.get("code"), "reason": data.get("reason")} if event.type == "failed" else None
    yield e.Answered(
        turn_id=turn_id,
        kind=kind,
        text=data.get("text") or (data.get("reply") or {}).get("text") or "",
        parts=parts,
        answers=answers,
        asked_at=min((each.at for each in asked), default=None),
        reply=data.get("reply"),
        seconds=data.get("seconds") or 0.0,
        notice=rule.get("notice"),
        problem=problem,
        event_id=_event_id(before, kind, rule),
        request_id=next((each.request_id for each in asked), None),
        operator=(rule.get("write") or {}).get("by"),
        repeats=again.get("kind"),
        came_back_of=again.get("turn_id"),
    )
    for part in parts:
        yield e.OutcomeUnknown(own_id=part.own_id, why="of a former build, which told of what was sent alone")


def _event_id(before: Conversation, kind: str, rule: Json) -> str | None:
    if kind == "write":
        return (rule.get("write") or {}).get("command_id")
    if kind != "call":
        return None
    waiting = next((each.event_id for each in before.inbox if each.kind == "call"), None)
    return waiting or (before.turn.event_id if before.turn is not None else None)


def sent(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    data, turn_id = event.data, event.data.get("turn_id") or 0
    identity = data.get("message_id")
    is_under_way = before.turn is not None and before.turn.id == turn_id
    yield e.Sent(
        own_id=data.get("own_id") or "",
        sid=data.get("sid") or "",
        content=data.get("content") or "",
        kind=data.get("kind") or "reply",
        turn_id=turn_id,
        part=data.get("part") or 0,
        message_id=known.message_id() if identity is None else identity,
        is_last=data.get("is_last", True),
        sent_at=time_of(data.get("sent_at")) or event.at.astimezone(UTC),
        answers=tuple(data.get("answers") or ()),
        response_seconds=data.get("response_seconds"),
        delivered_at=time_of(data.get("delivered_at")),
        read_at=time_of(data.get("read_at")),
        marks=data.get("marks") or {},
        request_id=data.get("request_id"),
        proven=None if is_under_way else known.failed.get(turn_id),
    )


def delivered(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    if "rank" in event.data:  # version 1 had no ranks
        times: Json = {name: time_of(event.data.get(name)) for name in ("delivered_at", "read_at")}
        yield e.Delivered(**_report(event), **times)


def _report(event: ConversationEvent) -> Json:
    data = event.data
    return {
        "own_id": data.get("own_id") or "",
        "sid": data.get("sid") or "",
        "status": data.get("status") or "",
        "rank": data["rank"],
        "kind": data.get("kind") or "reply",
        "turn_id": data.get("turn_id") or 0,
        "message_id": data.get("message_id"),
    }


def failed(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    data = event.data
    if data.get("what") == "delivery":
        if "rank" in data:
            words: Json = {name: data.get(name) for name in ("code", "reason", "vendor_words")}
            yield e.DeliveryFailed(**_report(event), **words, came_back=_came_back(known, event))
    elif "parts" in data:  # the agent failed, and the client gets an apology
        yield from answered(known, before, event)
    else:
        yield _turn_failed(known, before, event)


def _came_back(known: Memory, event: ConversationEvent) -> CameBack | None:
    turn_id, kind, part = known.sends.get(event.data.get("own_id") or "", (0, "", None))
    if part is None or not event.data.get("again"):
        return None
    since = part.said_at or event.at
    again = replace(part, times=part.times + 1, state="planned", tries=0, intended_at=None)
    return CameBack(
        turn_id=turn_id if part.origin_turn is None else part.origin_turn,
        kind=kind,
        parts=(again,),
        since=since,
        due=event.at.astimezone(UTC) + wait_after(part.times),
        times=again.times,
    )


def _turn_failed(known: Memory, before: Conversation, event: ConversationEvent) -> e.TurnFailed:
    data, turn_id = event.data, event.data.get("turn_id") or 0
    turn = before.turn if before.turn is not None and before.turn.id == turn_id else None
    if turn is not None:
        known.failed[turn_id] = turn
    open_parts = (part.own_id for part in (turn.parts if turn else ()) if part.state != "accepted")
    return e.TurnFailed(
        turn_id=turn_id,
        what="first" if data.get("what") == "first" else "reply",
        reason=data.get("reason") or "",
        error=data.get("error") or {},
        code=data.get("code"),
        send_state="held" if data.get("send_state") == "held" else "refused",
        own_ids=tuple(open_parts),
        answers=questions(before) if turn is None or not turn.answers else turn.answers,
    )


def reopened(known: Memory, before: Conversation, event: ConversationEvent) -> Read:
    if (turn := known.failed.get(event.data.get("turn_id") or 0)) is not None and turn.parts:
        parts = (part if part.state == "accepted" else replace(part, state="unknown") for part in turn.parts)
        yield e.Reopened(turn=replace(turn, parts=tuple(parts), wait=None), replay="")
