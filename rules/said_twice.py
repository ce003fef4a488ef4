"""The same words twice within seconds under two ids: a phone that sends again, a finger that taps twice.

Both are stored, and the second shares the first one's answer.
"""

from rules.draft import Draft
from rules.keywords import normalised
from rules.state import Conversation, LastWords

# "Sí, por favor", "no lo sé", "el plan oro": what so few words mean depends on what was asked.
_FEW_WORDS = 3


def shared_with(draft: Draft, content: str, address: str, came: LastWords) -> str | None:
    """Return the id of the message whose answer this one shares. `came`: what it says, and when.

    A few words that are not a question may answer another question of ours: they share only
    if nothing was said since.
    """
    last, window = draft.state.last_words, draft.policy.same_words
    if last is None or last.words != came.words or address != draft.state.address:
        return None
    if not 0 <= (came.at - last.at).total_seconds() <= window.total_seconds() or not window:
        return None
    depends = "?" not in content and len(normalised(content).split()) <= _FEW_WORDS
    return None if depends and _is_answered(draft.state, last.event_id) else last.event_id


def _is_answered(state: Conversation, event_id: str) -> bool:
    """Return whether the client may have read part of the answer."""
    if any(waiting.event_id == event_id for waiting in state.inbox):
        return False
    turn = next((turn for turn in state.turns if event_id in turn.answers), None)
    return turn is None or any(part.state != "planned" for part in turn.parts)
