"""Twilio's form parameters: cleaned for those behind us, and what is read from them. Pure."""

import uuid

from multidict import MultiDict

from schemas.documents import without_nul
from schemas.errors import InvalidInput, InvalidNumber
from schemas.phone import conversation_key

# An event's id is a VARCHAR(255), and a status is appended to it.
_LONGEST_SID = 200
_LONGEST_KEY = 255


def cleaned(params: MultiDict[str]) -> dict[str, str]:
    """Return plain parameters without NUL characters, which Postgres cannot store; the last of a repeated one counts."""
    return {without_nul(name): without_nul(value) for name, value in params.items()}


def message_sid(params: dict[str, str]) -> str:
    """Return the message's id.

    Raises:
        InvalidInput: there is none.
    """
    sid = params.get("MessageSid", "")
    if not 0 < len(sid) <= _LONGEST_SID:
        raise InvalidInput("MessageSid", "missing or too long")
    return sid


def key_of(params: dict[str, str], name: str) -> str:
    """Return the conversation's key; an address that has none keeps its own words, and becomes a dead letter behind us."""
    address = params.get(name, "")
    try:
        return conversation_key(address)
    except InvalidNumber:
        return address[:_LONGEST_KEY] or "unknown"


def own_id(text: str | None) -> str | None:
    """Return the id of ours that came back in the URL, or None when it is not one."""
    try:
        return str(uuid.UUID(text)) if text else None
    except ValueError:
        return None
