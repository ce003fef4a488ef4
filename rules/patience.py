"""When the agent does not answer, it is asked again.

No client is left alone for longer than the patience.
"""

from datetime import datetime, timedelta
from typing import Final

from rules import call_details, came_back, holds, links, window
from rules.draft import Draft
from rules.events import Answered, Deferred
from rules.inputs import AgentAnswered, AgentFailed
from rules.state import Conversation
from rules.turns import Wait, Waiting
from schemas.rows import Json

LEAST_PATIENCE = timedelta(seconds=60)
"""How long even a question is tried that was left lying for longer than the patience.

The worker or the vendor was away, or the log is replayed.
"""
EMPTY_ANSWER: Final = "empty_answer"

Asked = tuple[Waiting, ...]


def on_failure(draft: Draft, failure: AgentFailed, asked: Asked) -> None:
    """Ask again later, or apologise.

    A client who has waited too long, or whom the agent refuses for good, gets an apology.
    """
    if failure.details is not None:
        call_details.learn(draft, failure.details)
    if failure.vendor_away:  # everybody waits: the patience starts again when it is back
        _put_off(draft, failure, since=None, end=None)
        return
    former = draft.state.ask_wait
    begun = draft.now - timedelta(seconds=failure.seconds)
    since = former.since if former is not None and former.since is not None else begun
    end = max(asked[0].at + draft.policy.agent_patience, since + LEAST_PATIENCE)
    may_answer = failure.retryable or _may_lack_details(draft.state)
    if may_answer and draft.now < end:
        _put_off(draft, failure, since=since, end=end)
        return
    problem = {"code": failure.code, "reason": failure.why} | ({} if may_answer else {"final": True})
    _apologise(draft, asked, problem, slot=failure.slot)


def _may_lack_details(state: Conversation) -> bool:
    """Return whether the call's variables are missing, and may come a little later.

    An agent whose prompt needs them refuses without them.
    """
    return bool(state.call_id) and not state.has_details and not state.agent_changed


def _put_off(draft: Draft, failure: AgentFailed, *, since: datetime | None, end: datetime | None) -> None:
    """Ask again after a while, a last time when the patience ends."""
    former = draft.state.ask_wait
    tries, away = (former.tries, former.away) if former is not None else (0, 0)
    wait = holds.backoff(tries - away, draft.fresh.jitter(), failure.retry_after)
    until = draft.now + wait
    if end is not None and not failure.retry_after:
        until = min(until, end)
    away += 1 if failure.vendor_away else 0
    draft.emit(Deferred(what="ask", wait=_ask_wait(until, tries + 1, away, since, failure.code, failure.why)))


def _ask_wait(
    until: datetime, tries: int, away: int, since: datetime | None, code: str | None, why: str
) -> Wait:
    return Wait(reason="backoff", until=until, tries=tries, away=away, since=since, code=code, why=why)


def on_nothing(draft: Draft, answer: AgentAnswered, asked: Asked) -> None:
    """Ask once more after an empty answer, or one of voice tags alone; nothing empty is sent."""
    former = draft.state.ask_wait or Wait(reason="backoff", until=draft.now)
    why = "the agent said nothing"
    if former.code == EMPTY_ANSWER:
        _apologise(draft, asked, {"code": EMPTY_ANSWER, "reason": why}, slot=answer.slot)
        return
    wait = _ask_wait(draft.now, former.tries + 1, former.away, former.since, EMPTY_ANSWER, why)
    draft.emit(Deferred(what="ask", wait=wait))


def _apologise(draft: Draft, asked: Asked, problem: Json, *, slot: bool) -> None:
    text = draft.spoken.notices["apology"]
    parts = tuple(window.fit(draft, draft.part(body)) for body in draft.policy.shown(text))
    draft.emit(
        Answered(
            turn_id=draft.fresh.turn_id(),
            kind="reply",
            text=text,
            parts=parts,
            answers=tuple(each.event_id for each in asked),
            asked_at=asked[0].at,
            reply={"text": text, "apology": True},
            seconds=(draft.now - asked[0].at).total_seconds(),
            intended=slot and bool(parts) and not (came_back.blocks(draft.state) or links.holds(draft.state)),
            problem=problem,
            request_id=asked[0].request_id,
            replay=asked[0].replay,
            trace=asked[0].trace,
        )
    )
