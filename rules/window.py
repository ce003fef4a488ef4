"""Twilio's 24-hour window: what is sent outside it goes as a template.

It goes at once or, if the vendor finds out later (63016), a second time.
"""

from datetime import timedelta

from rules.draft import Draft
from rules.inputs import DeliveryReported, KnownSend
from rules.state import Conversation, replace
from rules.turns import CameBack, Part
from rules.wording import client_of
from schemas.rows import Json
from schemas.window import is_open

# Reports of an answer's parts come within about a second of each other: the parts are said again together.
_REPORTS_TOGETHER = timedelta(seconds=2)


def fit(draft: Draft, part: Part) -> Part:
    """Return the message as it may go now: as a template if the window is closed and there is one."""
    content = needed_template(draft, part)
    return part if content is None else replace(part, content=content)


def needed_template(draft: Draft, part: Part) -> Json | None:
    """Return the template for a text that may not go as text (any more); None if it goes as it is."""
    if part.content is not None or is_open(draft.state.last_inbound_at, draft.now):
        return None
    return draft.spoken.wording.reopening(client_of(draft.state), part.body)


def again(report: DeliveryReported, send: KnownSend) -> CameBack | None:
    """Return what is said again after 63016: never what was a template, never a repetition."""
    if send.content is not None or send.is_again:
        return None
    part = replace(send.as_part(), times=send.times + 1)
    return CameBack(
        turn_id=send.turn_id,
        kind=send.turn_kind,
        parts=(part,),
        since=send.planned_at,
        due=report.at + _REPORTS_TOGETHER,
        times=send.times + 1,
        as_template=True,
    )


def as_template(draft: Draft, back: CameBack) -> tuple[Part, ...]:
    """Return the one message that says it again; none if no template can."""
    text = "\n".join(part.body for part in back.parts)
    words = draft.spoken.wording.again(client_of(draft.state), back.kind, text)
    if words is None:
        return ()
    part = draft.part(words.body, words.content)
    return (replace(part, said_at=back.since, times=back.times, origin_kind=back.kind),)


def can_repeat(state: Conversation) -> bool:
    """Return whether a repeating template may begin: nothing else is open that the client waits for.

    If a hand-over waits for it, the client's messages are answered at the other address, after that.
    """
    return state.turn is None and (state.merging_into is not None or not state.questions)
