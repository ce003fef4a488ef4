"""When a first message goes out: at its campaign's pace, not in the client's night. Answers never wait."""

from datetime import datetime, timedelta

from rules import quiet_hours
from rules.draft import Draft
from rules.events import Deferred, Released
from rules.inputs import CampaignSlot
from rules.turns import ENDED_BY_CLIENT, Part, Turn, Wait

# A first message due within this is not put off: looking after it would cost more than it saves.
_NOT_WORTH_A_WAIT = timedelta(seconds=1)


def on_slot(draft: Draft, slot: CampaignSlot) -> None:
    """Send the first message in the slot that its campaign has given it.

    At night a slot is worth nothing: another one is asked for in the morning.
    """
    turn = draft.state.turn
    if turn is None or turn.id != slot.turn_id or turn.parts:
        return
    if spare(draft, turn, at=max(slot.at, draft.now)):
        return
    if slot.at <= draft.now + _NOT_WORTH_A_WAIT or any(each.kind == "message" for each in draft.state.inbox):
        draft.emit(Released(turn_id=turn.id, paced=True))
        return
    wait = Wait(reason="campaign_pace", until=slot.at, tries=turn.holds + 1)
    draft.emit(Deferred(what="turn", wait=wait))


def spare(draft: Draft, turn: Turn, *, at: datetime | None = None) -> bool:
    """Defer a first message to the client's morning; False if it may go. `at`: when it would; None: now."""
    over = quiet_hours.until(draft.state, at or draft.now, draft.policy.quiet_hours)
    if over is None:
        return False
    draft.emit(Deferred(what="turn", wait=Wait(reason="quiet_hours", until=over, tries=turn.holds + 1)))
    return True


def spare_part(draft: Draft, part: Part) -> bool:
    """Do the same for a first message that is made but not sent yet, because the vendor was away."""
    over = quiet_hours.until(draft.state, draft.now, draft.policy.quiet_hours)
    if over is None:
        return False
    wait = Wait(reason="quiet_hours", until=over, tries=part.holds + 1)
    draft.emit(Deferred(what="send", wait=wait, own_id=part.own_id))
    return True


def release(draft: Draft) -> None:
    """Send a first message that is spared or paced now that the client has written; the answer follows it.

    It may itself wait behind something that is said again.
    """
    for turn in draft.state.turns:
        if turn.is_first and _is_spared(turn):
            draft.emit(Released(turn_id=turn.id, paced=True))


def _is_spared(turn: Turn) -> bool:
    waits = (turn.wait, *(part.wait for part in turn.parts))
    return any(wait is not None and wait.reason in ENDED_BY_CLIENT for wait in waits)
