"""Checks that a post-call webhook comes from ElevenLabs. Pure.

Its header is `ElevenLabs-Signature: t=<unix seconds>,v0=<hex>`, where `v0` is HMAC-SHA256 of `<t>.<raw body>`
with the webhook's secret, as in the vendor's own library (webhooks_custom.py). The library compares with
`!=`; here the comparison takes constant time.
"""

import hashlib
import hmac
from typing import Self

TOLERANCE_SECONDS = 30 * 60
"""Older webhooks are refused, as in the vendor's library."""
AHEAD_SECONDS = 5 * 60
"""How far the vendor's clock may be ahead of ours; a time far ahead would keep a signature valid for long."""
_MOST_DIGITS = 12
"""Unix seconds have ten digits until the year 2286."""


class SignatureCheck:
    """The check of one body, which may come in pieces: `take` each, then call `is_right`."""

    def __init__(self, secret: str, at: str, given: str) -> None:
        self._hmac = hmac.new(secret.encode(), f"{at}.".encode(), hashlib.sha256)
        self._given = given.encode("utf-8", "surrogateescape")

    @classmethod
    def begin(cls, secret: str | None, header: str | None, now: float) -> Self | None:
        """Begin; None if no body could match this header: no secret, no header, or no time near ours."""
        if not secret or not header:
            return None
        parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
        at = parts.get("t", "")
        if not (at.isascii() and at.isdecimal() and len(at) <= _MOST_DIGITS):
            return None
        if not -AHEAD_SECONDS <= now - int(at) <= TOLERANCE_SECONDS:
            return None
        return cls(secret, at, parts.get("v0", ""))

    def take(self, piece: bytes) -> None:
        """Take the next piece."""
        self._hmac.update(piece)

    def is_right(self) -> bool:
        """Return whether ElevenLabs signed all that was taken."""
        return hmac.compare_digest(self._hmac.hexdigest().encode(), self._given)
