"""Checks that a post-call webhook comes from ElevenLabs: `ElevenLabs-Signature: t=<unix seconds>,v0=<hex>`. Pure.

`v0` is HMAC-SHA256 of `<t>.<raw body>` with the webhook's secret, as in the vendor's own library (webhooks_custom.py). That
one compares with `!=`; here the time of the comparison tells nothing.
"""

import hashlib
import hmac

TOLERANCE_SECONDS = 30 * 60
"""Older ones are refused, as the vendor's library does; a clock that runs ahead is no reason to refuse."""


def is_signed(secret: str | None, header: str | None, body: bytes, now: float) -> bool:
    """Tell whether ElevenLabs signed this body within the tolerance. No secret: nobody can have."""
    if not secret or not header:
        return False
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    at, given = parts.get("t", ""), parts.get("v0", "")
    if not (at.isascii() and at.isdecimal() and len(at) <= _MOST_DIGITS) or now - int(at) > TOLERANCE_SECONDS:
        return False
    expected = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))


_MOST_DIGITS = 12
"""Unix seconds have ten digits until the year 2286."""
