"""A campaign's lead that was not reached is written to once, however often it is called."""

from rules.inputs import CallEnded
from rules.policy import Policy
from rules.state import Conversation


def earlier(state: Conversation, ended: CallEnded, policy: Policy) -> str | None:
    """Return the id of the message that followed an earlier attempt which did not connect either, or None.

    The conversation knows its newest calls of several leads, `CallEnded.followed_up` other conversations'.
    """
    call = ended.call
    if not _is_attempt(policy, call.status):
        return None
    lead = call.batch_id, call.recipient.id
    is_same = None not in lead and lead == (state.batch_id, state.recipient_id)
    if is_same and state.call_status is not None and _is_attempt(policy, state.call_status):
        return state.first_sid or ended.followed_up
    for each in state.leads:
        if (each.batch_id, each.recipient_id) == lead and _is_attempt(policy, each.call_status):
            return each.first_sid
    return ended.followed_up


def _is_attempt(policy: Policy, status: str) -> bool:
    opening = policy.statuses.opening(status)
    return opening is not None and opening.template == "no_answer"
