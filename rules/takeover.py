"""Who speaks: the agent, a person of the team, nobody.

A change counts at once, even while an answer is being made.
"""

from datetime import datetime
from typing import Final, Literal

from rules import confirming
from rules.draft import Draft
from rules.events import StatusChanged, Unanswered, Withdrawn
from rules.inputs import MessageReceived
from rules.state import Conversation, Status
from rules.turns import Turn

_EVENT: Final = {"active": "resumed", "escalated": "escalated", "closed": "closed"}


def change(draft: Draft, status: Status, by: str, **known: str | int | None) -> bool:
    """Change who speaks; False if unchanged. Once it is not the agent, what waits for it goes unanswered."""
    if draft.state.status == status:
        return False
    told = _EVENT[status] in draft.policy.told
    draft.emit(StatusChanged(status=status, by=by, tells_backend=told, **known))  # type: ignore[arg-type]
    if status != "active":
        leave_unanswered(draft, status)
    return True


def since(state: Conversation, at: datetime) -> Literal["escalated", "closed"] | None:
    """Return who a person has had speak since then; None if the agent may.

    The agent, too, ends conversations, and silence does: a call that came before that begins a new one.
    """
    if state.status == "escalated" and state.escalated_at is not None and state.escalated_at > at:
        return "escalated"
    if state.status == "closed" and state.taken_over_at is not None and state.taken_over_at > at:
        return "closed"
    return None


def leave_unanswered(draft: Draft, status: Status) -> None:
    """Do not ask the agent about what waits; an answer that it is giving is dropped when it comes."""
    if questions := tuple(each.event_id for each in draft.state.inbox if each.kind == "message"):
        draft.emit(Unanswered(message_sids=questions, reason=status))


def by_client(draft: Draft, message: MessageReceived) -> None:
    """Escalate: the client asks for a person."""
    change(draft, "escalated", "client", message_sid=message.event_id)
    confirming.confirm(draft, "escalated", message)


def by_agent(draft: Draft, then: Literal["closed", "escalated"] | None, turn_id: int) -> None:
    """End the conversation or get a person, as the agent asks, unless it is no longer in the agent's hands.

    A client who has written meanwhile has opened it again.
    """
    if then is None or draft.state.status != "active" or (then == "closed" and draft.state.questions):
        return
    change(draft, then, "agent", turn_id=turn_id)


def by_operator(draft: Draft, status: Status, **known: str | int | None) -> bool:
    """Let a person take over, give back or close; the agent's words that were not sent yet are withdrawn."""
    if not change(draft, status, "operator", **known):
        return False
    for turn in draft.state.turns if status != "active" else ():
        if own_ids := _unsaid(turn):
            draft.emit(Withdrawn(own_ids=own_ids, reason=status, turn_id=turn.id))
    return True


def _unsaid(turn: Turn) -> tuple[str, ...]:
    parts = turn.parts if turn.kind == "reply" else ()
    return tuple(part.own_id for part in parts if part.state == "planned" and part.notice is None)
