"""Messages that the vendor accepted and could not deliver: sent again, in order, in a turn of their own.

If the number had too many messages (`slow_numbers`), they go out before anything else to it, so that the
rest of a turn waits behind the part that came back. If they fell outside the window (`window`), they go out
when nothing else is open.
"""

from collections.abc import Iterator
from datetime import datetime

from rules import left_in_silence, slow_numbers, window
from rules.draft import Draft
from rules.events import Answered, Withdrawn
from rules.inputs import DeliveryReported, KnownSend
from rules.state import Conversation, replace
from rules.turns import CameBack, Part, Turn

_NO_TEMPLATE = "outside the 24-hour window, and no template is set"


def of_report(state: Conversation, report: DeliveryReported, send: KnownSend) -> CameBack | None:
    """Return what goes out again after a report of failure; None if the message stays failed."""
    failure = report.failure
    if failure is None or state.opt_out is not None or send.came_back or send.delivered_at is not None:
        return None
    if state.merged_into is not None:  # whatever we say goes to the number
        return None
    if failure.kind == "outside_window":
        return window.again(report, send)
    return slow_numbers.again(report, send) if failure.kind in ("slow", "passing") else None


def blocks(state: Conversation) -> bool:
    """Return whether something must go out before the agent is asked anything."""
    return any(not back.as_template for back in state.came_back)


def holds(state: Conversation, turn: Turn) -> bool:
    """Return whether a turn waits behind what came back.

    A repetition waits only for messages of the turn that it repeats, any other turn for all of them.
    """
    return any(
        not back.as_template and (turn.kind != "again" or back.turn_id == turn.origin)
        for back in state.came_back
    )


def next_of(state: Conversation) -> CameBack | None:
    """Return what goes out next, unless something other than its due time forbids it."""
    for back in state.came_back:
        if window.can_repeat(state) if back.as_template else _is_free(state):
            return back
    return None


def _is_free(state: Conversation) -> bool:
    turn = state.turn
    return turn is None or (holds(state, turn) and not turn.is_in_flight)


def due(state: Conversation) -> Iterator[datetime]:
    """Return when the next of these messages goes out."""
    if (back := next_of(state)) is not None:
        yield back.due


def begin(draft: Draft) -> None:
    """Plan the next repetition, if it is due."""
    back = next_of(draft.state)
    if back is None or back.due > draft.now:
        return
    parts = window.as_template(draft, back) if back.as_template else _as_it_was(draft, back)
    if not parts:
        own_ids = tuple(part.own_id for part in back.parts)
        draft.emit(Withdrawn(own_ids=own_ids, reason="no_template", turn_id=back.turn_id))
        if back.kind == "reply":
            left_in_silence.hand_over(draft, _NO_TEMPLATE)
        return
    draft.emit(
        Answered(
            turn_id=draft.fresh.turn_id(),
            kind="again",
            text="\n".join(part.body for part in back.parts),
            parts=parts,
            reply={"again": {"turn_id": back.turn_id, "kind": back.kind}},
            repeats=back.kind,
            came_back_of=back.turn_id,
        )
    )


def _as_it_was(draft: Draft, back: CameBack) -> tuple[Part, ...]:
    return tuple(
        replace(
            draft.part(part.body, part.content),
            said_at=part.said_at,
            times=part.times,
            origin_turn=part.origin_turn,
            origin_part=part.origin_part,
            origin_kind=part.origin_kind,
        )
        for part in back.parts
    )
