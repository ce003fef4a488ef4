"""Clients who wrote and whose answer can never be sent.

An apology goes out in its place; if that cannot be sent either, a person of the team takes over.
"""

from rules import confirming, takeover
from rules.draft import Draft
from rules.inputs import KnownSend
from rules.turns import APOLOGY, Turn, Waiting

_BY = "vendor"


def refused(draft: Draft, turn: Turn, why: str) -> None:
    """Apologise or hand over, because the vendor refused the turn at once and for good."""
    if not _answers(turn) or not _may_speak(draft):
        return
    if any(part.notice == APOLOGY for part in turn.parts) or (turn.reply or {}).get(APOLOGY):
        hand_over(draft, why)
    elif not any(part.notice for part in turn.parts):
        _apologise(draft, f"{APOLOGY}:{turn.id}", turn)


def failed(draft: Draft, send: KnownSend, why: str) -> None:
    """Apologise or hand over, because a report says that an accepted answer will never arrive.

    Nothing is done if something was said after it, an apology for another part of it included.
    """
    said = max(draft.state.said_turn, draft.state.apologised_turn)
    if not _answered(draft, send) or said > send.turn_id or not _may_speak(draft):
        return
    notices = draft.spoken.notices
    if send.body == notices[APOLOGY]:
        hand_over(draft, why)
    elif send.body not in notices.values() and not _apologises(draft):
        _apologise(draft, f"{APOLOGY}:{send.turn_id}", None)


def hand_over(draft: Draft, why: str) -> None:
    """Hand over to a person, who has to find another way: nothing can be said to the client."""
    if draft.state.opt_out is None:
        takeover.change(draft, "escalated", _BY, reason=why)


def _answered(draft: Draft, send: KnownSend) -> bool:
    """Return whether it answered a client.

    A repetition did, as far as its row tells what it repeats, unless the client never wrote.
    """
    if not send.is_again:
        return send.turn_kind == "reply"
    may_have = send.content is None and draft.state.last_inbound_at is not None
    return may_have and send.said_kind in ("reply", "again")


def _answers(turn: Turn) -> bool:
    return turn.kind == "reply" or turn.repeats == "reply"


def _may_speak(draft: Draft) -> bool:
    state = draft.state
    return state.opt_out is None and state.status != "escalated" and state.merged_into is None


def _apologises(draft: Draft) -> bool:
    """Return whether an apology is on its way already: each part of an answer has its own report."""
    waits = any(each.kind == "notice" and each.text == APOLOGY for each in draft.state.inbox)
    return waits or any(part.notice == APOLOGY for turn in draft.state.turns for part in turn.parts)


def _apologise(draft: Draft, event_id: str, turn: Turn | None) -> None:
    waiting = Waiting(
        kind="notice",
        event_id=event_id,
        at=draft.now,
        request_id=turn.request_id if turn is not None else None,
        trace=turn.trace if turn is not None else None,
    )
    confirming.confirm(draft, APOLOGY, waiting)
