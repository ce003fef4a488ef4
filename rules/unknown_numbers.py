"""Messages of a number without a conversation.

They wait for its call, then go to a configured agent or to nobody.
"""

from collections.abc import Iterator
from datetime import datetime

from rules import opening
from rules.draft import Draft
from rules.events import Started, Unanswered
from rules.policy import Policy
from rules.state import Conversation
from rules.wording import UNNAMED


def due(state: Conversation, policy: Policy) -> Iterator[datetime]:
    """Return when the grace period of an unknown number is over."""
    if not state.has_begun and state.parked_since is not None:
        yield state.parked_since + policy.unknown_grace


def on_timer(draft: Draft, calls_read_until: datetime | None) -> None:
    """Adopt a number whose grace period is over.

    The configured agent answers it, without a call, or it is left unanswered.
    """
    state, policy = draft.state, draft.policy
    if not any(over <= draft.now for over in due(state, policy)):
        return
    if calls_read_until is not None and state.inbox[-1].at > calls_read_until:
        return  # its call may be on its way; the timer fires again
    if policy.unknown_agent is None or state.opt_out is not None:
        sids = tuple(each.event_id for each in state.inbox)
        reason = "unknown_number" if state.opt_out is None else "opted_out"
        draft.emit(Unanswered(message_sids=sids, reason=reason))
        return
    address = state.inbox[-1].address
    draft.emit(Started(client_name=UNNAMED, agent_id=policy.unknown_agent, address=address))
    opening.take_up_parked(draft)
