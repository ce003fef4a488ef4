"""What the backend is told by a signed POST: until it has taken it, within a day, in order."""

import hashlib
import hmac
from datetime import timedelta

from rules.draft import Draft
from rules.events import PostDeferred, Posted
from rules.inputs import BackendAnswered

_FIRST_WAIT = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(minutes=5)
# A backend that has been away for longer has read the topic meanwhile, or is not there at all.
_LONGEST_PATIENCE = timedelta(days=1)
_MOST_DOUBLINGS = 10
HEADER = "X-Service-Signature"


def on_answer(draft: Draft, answer: BackendAnswered) -> None:
    """The backend took an event, or is told again later."""
    post = next((each for each in draft.state.posts if each.number == answer.number), None)
    if post is None or answer.conversation_id != draft.state.id:  # erased meanwhile
        return
    if answer.problem is None:
        draft.emit(Posted(number=post.number))
    elif draft.now - post.made_at > _LONGEST_PATIENCE:
        draft.emit(Posted(number=post.number, gave_up=True))
    else:
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(post.tries, _MOST_DOUBLINGS))
        draft.emit(PostDeferred(number=post.number, due=draft.now + wait, why=answer.problem))


def signature(secret: str, body: bytes, at: int) -> str:
    """Return the value of `X-Service-Signature`: `t=<unix seconds>,v1=<hex>`, where v1 is HMAC-SHA256 of `<t>.<body>` with
    the shared secret: the scheme of ElevenLabs' and others' webhooks. `at`: Unix seconds; a receiver should refuse what
    is older than some minutes.
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
