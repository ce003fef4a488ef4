"""An event as the statistics read it: only what they need, and tolerant of types that they do not know.

Checked by hand rather than by the model that writes them: this is done for each event of every conversation.
"""

from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import from_json

from schemas.errors import InvalidInput
from schemas.events import ConversationEvent


class Told(NamedTuple):
    """See `schemas.events.ConversationEvent`. `status`: the conversation's, after what happened; None: not told."""

    conversation_id: int
    number: int
    phone_number: str
    type: str
    at: datetime
    data: dict[str, Any]
    status: str | None = None


_KINDS: tuple[tuple[str, type], ...] = (
    ("conversation_id", int),
    ("number", int),
    ("phone_number", str),
    ("type", str),
    ("at", str),
    ("data", dict),
)


def told(record: bytes | None) -> Told:
    """Read an event.

    Raises:
        InvalidInput: names the first field that is missing or mistyped.
    """
    try:
        parsed = from_json(record or b"")
    except ValueError as error:
        raise InvalidInput("body", "not valid JSON") from error
    if not isinstance(parsed, dict):
        raise InvalidInput("body", "must be a JSON object")
    for name, kind in _KINDS:
        if not isinstance(value := parsed.get(name), kind) or isinstance(value, bool):
            raise InvalidInput(name, "missing or mistyped")
    try:
        at = datetime.fromisoformat(parsed["at"])
    except ValueError as error:
        raise InvalidInput("at", "not a time") from error
    version = parsed.get("schema_version", 1)
    if not isinstance(version, int) or version > ConversationEvent.VERSION:
        raise InvalidInput("schema_version", f"newer than {ConversationEvent.VERSION}: update this program")
    state = parsed.get("state")
    status = state.get("status") if isinstance(state, dict) else None
    who = parsed["conversation_id"], parsed["number"], parsed["phone_number"]
    return Told(*who, parsed["type"], at, parsed["data"], status)
