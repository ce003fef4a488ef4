"""Turns of the former build: answered ones go on, and those only begun wait in the inbox again."""

from datetime import UTC, datetime
from typing import Final, cast

from rules.turns import SPARED, Part, PartState, Turn, TurnKind, Wait, Waiting, WaitReason
from rules.upgrade.inputs import waiting_message, waiting_notice, waiting_text
from schemas.former import FormerInput, FormerSend, FormerTurn

_WAITS: Final[dict[str, WaitReason]] = {"pace": "campaign_pace", "quiet": "quiet_hours"}
# In a turn that failed, what was refused is tried again, and what was left to an operator is looked up first.
_STATES: Final[dict[str, PartState]] = {
    "planned": "planned",
    "intended": "intended",
    "accepted": "accepted",
    "refused": "planned",
    "held": "unknown",
}


def open_turn(turn: FormerTurn) -> Turn | None:
    """Return the turn that is under way; None if what it is about waits in the inbox."""
    if turn.state == "answered" or turn.kind == "call":
        return turn_of(turn)
    return None


def turn_of(turn: FormerTurn) -> Turn:
    """Return a turn with its parts as they stand."""
    messages = [each for each in turn.inputs if each.kind == "message"]
    first = next((each for each in turn.inputs if each.kind != "message"), None)
    origin = turn.rule.get("again") or {}
    return Turn(
        id=turn.id,
        kind=cast(TurnKind, turn.kind),
        began_at=turn.begun_at,
        answers=tuple(each.event_id for each in messages),
        asked_at=min((each.received_at for each in turn.inputs), default=None),
        event_id=first.event_id if first is not None else None,
        request_id=turn.request_id,
        reply=turn.reply,
        parts=tuple(_part(turn, send) for send in turn.sends),
        wait=None if turn.sends else wait_of(turn),
        holds=turn.holds,
        paced=turn.kind == "call",  # its campaign's slot was given out when it began
        operator=(turn.rule.get("write") or {}).get("by"),
        replay=turn.replay,
        repeats=origin.get("kind"),
        trace=next((each.trace for each in turn.inputs if each.trace), None),
    )


def _part(turn: FormerTurn, send: FormerSend) -> Part:
    origin = turn.rule.get("again") or {}
    parts = origin.get("parts") or ()
    place = parts[send.part]["place"] if send.part < len(parts) else None
    state = _STATES[send.state]
    return Part(
        own_id=send.own_id,
        to=send.to_address,
        body=send.body,
        content=send.content,
        state=state,
        tries=send.tries,
        intended_at=send.intended_at,
        wait=wait_of(turn) if state == "planned" else None,
        holds=turn.holds,
        said_at=said_at(turn),
        times=origin.get("times", 1) if origin else 0,
        origin_turn=origin["turn_id"] if parts else None,
        origin_part=place,
        notice=turn.rule.get("notice") if send.part == 0 else None,
    )


def said_at(turn: FormerTurn) -> datetime:
    """Return when what a turn says was first said."""
    since = (turn.rule.get("again") or {}).get("since")
    if since is not None:
        return datetime.fromisoformat(since).replace(tzinfo=UTC)
    return turn.answered_at or turn.begun_at


def wait_of(turn: FormerTurn) -> Wait | None:
    """Return why a turn is not tried for now; None if it may be."""
    if turn.due_at is None:
        return None
    reason = _WAITS.get(turn.rule.get("waits", ""), "backoff")
    return Wait(reason=reason, until=turn.due_at, tries=0 if reason in SPARED else turn.holds)


def waits_again(turn: FormerTurn) -> tuple[Waiting, ...]:
    """Return what a turn that was begun but not answered is about.

    First comes what is to be confirmed, then what is for the agent.
    """
    if turn.state != "begun" or turn.kind not in ("reply", "write"):
        return ()
    if turn.kind == "write":
        return tuple(waiting_text(each) for each in turn.inputs)
    commands = turn.rule.get("keywords", ())
    questions = () if turn.rule.get("silent") else questions_of(turn)
    return (*_notice(turn, [each for each in turn.inputs if each.event_id in commands]), *questions)


def questions_of(turn: FormerTurn) -> tuple[Waiting, ...]:
    """Return a turn's messages that were for the agent, not for us."""
    commands = turn.rule.get("keywords", ())
    messages = (each for each in turn.inputs if each.kind == "message" and each.event_id not in commands)
    return tuple(waiting_message(each) for each in messages)


def _notice(turn: FormerTurn, commands: list[FormerInput]) -> tuple[Waiting, ...]:
    name = turn.rule.get("notice")
    return (waiting_notice(name, commands[-1]),) if name is not None and commands else ()
