"""Silence closes a conversation; one that no person looks after any more goes back to the agent."""

from collections.abc import Iterator
from datetime import datetime

from rules import takeover
from rules.draft import Draft
from rules.policy import Policy
from rules.state import Conversation


def due(state: Conversation, policy: Policy) -> Iterator[datetime]:
    """Return when the silence has lasted long enough, if nothing is open."""
    if not state.has_begun or not state.is_idle:
        return
    if state.status == "active" and policy.idle_close is not None and state.last_message_at is not None:
        yield max(filter(None, (state.last_message_at, state.resumed_at))) + policy.idle_close
    if state.status == "escalated" and policy.escalated_resume is not None and state.escalated_at is not None:
        yield state.escalated_at + policy.escalated_resume


def on_timer(draft: Draft) -> None:
    """Close the conversation, or give it back to the agent, if the silence has lasted long enough."""
    if not any(at <= draft.now for at in due(draft.state, draft.policy)):
        return
    if draft.state.status == "active":
        takeover.change(draft, "closed", "silence")
    else:
        takeover.change(draft, "active", "time")
