"""Twilio's webhooks: their signatures, and what is read from their parameters. Pure."""

import hmac
import re
import uuid
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from multidict import MultiDict
from twilio.request_validator import RequestValidator

from schemas.documents import without_nul
from schemas.errors import InvalidInput, InvalidNumber
from schemas.phone import conversation_key

# User and password, which Twilio leaves out of the URL that it signs.
_USER = re.compile(r"(?<=://)[^/@]*@")
# An event's id is a VARCHAR(255), and a status is appended to it.
_LONGEST_SID = 200
_LONGEST_KEY = 255


def signed_url(
    raw_path: str, *, scheme: str, host: str, headers: Mapping[str, str], public_base_url: str | None
) -> str:
    """Return the URL that Twilio signed.

    It is PUBLIC_BASE_URL + path and query as they came, without user and password. Without PUBLIC_BASE_URL it
    has the request's own `scheme` and `host`, or what the nearest proxy says about them, in its
    `X-Forwarded-…` or in `Forwarded` (RFC 7239).
    """
    if public_base_url is not None:
        return _USER.sub("", public_base_url.rstrip("/")) + raw_path
    told = _forwarded(headers)
    scheme = _first(headers, "X-Forwarded-Proto", told.get("proto", scheme))
    return f"{scheme}://{_first(headers, 'X-Forwarded-Host', told.get('host', host))}{raw_path}"


def is_signed(token: str | None, url: str, params: Mapping[str, str], signature: str | None) -> bool:
    """Return whether Twilio signed this; without a token nobody can have. `params` may be a multidict."""
    if not token or not signature:
        return False
    try:
        if hmac.compare_digest(_validator(token).compute_signature(url, params).encode(), signature.encode()):
            return True
        # With and without the port: Twilio is inconsistent. Computing both costs three times as much.
        _ = urlsplit(url).port  # the validator asks for it, and a forged host's may not be a number
        return bool(_validator(token).validate(url, params, signature))
    except ValueError:  # nobody signed such a URL, or a text that cannot be encoded
        return False


def _first(headers: Mapping[str, str], name: str, default: str) -> str:
    return headers.get(name, default).split(",")[0].strip()


def _forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    nearest = headers.get("Forwarded", "").split(",")[0]
    pairs = (pair.partition("=") for pair in nearest.split(";"))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs if value.strip()}


@cache
def _validator(token: str) -> RequestValidator:
    return RequestValidator(token)


def cleaned(params: MultiDict[str]) -> dict[str, str]:
    """Return plain parameters, the last of each name, without NUL characters, which Postgres cannot store."""
    return {without_nul(name): without_nul(value) for name, value in params.items()}


def message_sid(params: dict[str, str]) -> str:
    """Return the message's id.

    Raises:
        InvalidInput: it is missing or too long.
    """
    sid = params.get("MessageSid", "")
    if not 0 < len(sid) <= _LONGEST_SID:
        raise InvalidInput("MessageSid", "missing or too long")
    return sid


def key_of(params: dict[str, str], name: str) -> str:
    """Return the conversation's key; an address without one is kept, and becomes a dead letter later."""
    address = params.get(name, "")
    try:
        return conversation_key(address)
    except InvalidNumber:
        return address[:_LONGEST_KEY] or "unknown"


def own_id(text: str | None) -> str | None:
    """Return our own id that came back in the URL, or None if it is not one."""
    try:
        return str(uuid.UUID(text)) if text else None
    except ValueError:
        return None
