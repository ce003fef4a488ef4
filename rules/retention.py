"""Messages are kept for a limited time, and so is the log of what happened."""

from rules.draft import Draft
from rules.events import Expired, Snapshot
from rules.inputs import LogPurged, MessagesExpired


def on_expired(draft: Draft, expired: MessagesExpired) -> None:
    """Forget messages whose time is over; those of a conversation erased meanwhile are gone already."""
    is_ours = draft.state.has_begun and draft.state.id == expired.conversation_id
    if expired.message_ids and is_ours:
        draft.emit(Expired(message_ids=expired.message_ids))


def on_purge(draft: Draft, purged: LogPurged) -> None:
    """Record what all events so far come to, so that the fold works without them."""
    if draft.state.number and not draft.state.erased:
        draft.emit(Snapshot(state=draft.state))
