"""A number is erased: what stays is its opt-out, which keeps us silent, and the bare ids of its events."""

from rules.draft import Draft
from rules.events import Erased
from schemas.events import ConversationCommand


def erase(draft: Draft, command: ConversationCommand) -> None:
    """Forget everything. What waits for its turn is over; a send that is under way is lost from sight, and its
    result finds nobody.
    """
    draft.emit(Erased(command_id=command.command_id, changed=draft.state.id is not None))
