"""Signed POSTs that tell the backend of events, in order, each retried for up to a day until it is taken."""

import hashlib
import hmac
from datetime import timedelta

from rules.draft import Draft
from rules.events import PostDeferred, Posted
from rules.inputs import BackendAnswered

_FIRST_WAIT = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(minutes=5)
# A backend that has been away for longer has read the topic meanwhile, or does not exist.
_LONGEST_PATIENCE = timedelta(days=1)
_MOST_DOUBLINGS = 10
HEADER = "X-Service-Signature"


def on_answer(draft: Draft, answer: BackendAnswered) -> None:
    """Record that the backend took an event; otherwise tell it again later, or give up."""
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
    """Return the value of `X-Service-Signature`: `t=<unix seconds>,v1=<hex>`.

    v1 is the HMAC-SHA256 of `<t>.<body>` with the shared secret, the scheme of ElevenLabs' and others'
    webhooks. `at`: Unix seconds; a receiver should refuse anything older than a few minutes.
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
