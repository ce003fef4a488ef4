"""Our own short texts: a client's command is confirmed once, unless the vendor has done so."""

from rules import window
from rules.draft import Draft
from rules.events import Answered, Queued, Unanswered
from rules.inputs import MessageReceived
from rules.state import replace
from rules.turns import Waiting


def confirm(draft: Draft, name: str, message: MessageReceived | Waiting) -> None:
    """Send a short text now, or behind what is under way. `name`: opted_out, opted_in, escalated, apology."""
    if name not in draft.spoken.notices:
        return
    at = message.at if isinstance(message, Waiting) else message.received_at
    waiting = Waiting(
        kind="notice",
        event_id=message.event_id,
        at=at,
        text=name,
        request_id=message.request_id,
        trace=message.trace,
    )
    if draft.state.is_idle:
        begin(draft, waiting)
    else:
        draft.emit(Queued(waiting=waiting))


def begin(draft: Draft, waiting: Waiting) -> None:
    """Plan a short text, unless it is no longer configured."""
    text = draft.spoken.notices.get(waiting.text)
    if text is None:
        draft.emit(Unanswered(message_sids=(waiting.event_id,), reason="command"))
        return
    part = replace(window.fit(draft, draft.part(text)), notice=waiting.text)
    draft.emit(
        Answered(
            turn_id=draft.fresh.turn_id(),
            kind="reply",
            text=text,
            parts=(part,),
            answers=(waiting.event_id,),
            asked_at=waiting.at,
            reply={"notice": waiting.text, "text": text},
            notice=waiting.text,
            request_id=waiting.request_id,
            trace=waiting.trace,
        )
    )
