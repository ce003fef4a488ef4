"""What ElevenLabs' refusals mean: one table for everyone who asks. Pure."""

from clients.http import CREDENTIALS_PAUSE_SECONDS
from clients.vendor_json import child, parse_vendor_object, words
from schemas.errors import AccountRefused, RetryableError, TerminalError, VendorError

VENDOR = "elevenlabs"

_UNAUTHORIZED = 401
# 402: the subscription has not been paid.
_ACCOUNT = frozenset({_UNAUTHORIZED, 402})
_FORBIDDEN = 403
_ABSENT = frozenset({404, 405})
# Time-out, conflict, too early, too many: these pass (the vendor's own SDK retries them and 5xx).
_PASSING = frozenset({408, 409, 425, 429})
_MISSING_PERMISSIONS = "missing_permissions"
OUT_OF_CREDITS = "quota_exceeded"
"""The code for an empty account. Over the socket it is only said in words, before a clean close."""


class NotThere(TerminalError):
    """404 or 405: no such thing, or no such route. `name`: the vendor's word for it, empty for a route."""

    name: str = ""


class Forbidden(TerminalError):
    """The key is valid, but not for this."""


def refused(status: int, body: bytes = b"", wait: float | None = None) -> VendorError:
    """Return the error for an answer that is not 200. `wait`: seconds that the vendor asked for.

    A refused key (401) is the account's error: a wrong key or an empty account (`quota_exceeded`) can be put
    right, and until then everyone waits and nothing is used up.
    """
    name, why = _detail(body)
    why = why or name or f"HTTP {status}"
    if status in _ABSENT:
        error = NotThere(VENDOR, why, status)
        error.name = name
        return error
    if status == _FORBIDDEN or (status == _UNAUTHORIZED and name == _MISSING_PERMISSIONS):
        return Forbidden(VENDOR, why, status)
    if status in _ACCOUNT:
        return AccountRefused(
            VENDOR, why, OUT_OF_CREDITS if name == OUT_OF_CREDITS else status, CREDENTIALS_PAUSE_SECONDS
        )
    if 400 <= status < 500 and status not in _PASSING:
        return TerminalError(VENDOR, why, status)
    return RetryableError(VENDOR, why, status, wait)


def _detail(body: bytes) -> tuple[str, str]:
    """Return the status and message of an error; `detail` is a text, an object or FastAPI's list."""
    try:
        parsed = parse_vendor_object(body)
    except ValueError:
        return "", ""
    detail = parsed.get("detail")
    if isinstance(detail, list):
        detail = detail[0] if detail else None
    if isinstance(detail, dict):
        return words(detail, "status"), words(detail, "message") or words(detail, "msg")
    return words(child(parsed, "detail"), "status"), words(parsed, "detail")
