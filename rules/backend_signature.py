"""Signs what the backend is told, in the scheme of ElevenLabs' and others' webhooks. Pure.

Header: `X-Service-Signature: t=<unix seconds>,v1=<hex>`, where v1 is HMAC-SHA256 of `<t>.<body>` with the shared secret.
"""

import hashlib
import hmac

HEADER = "X-Service-Signature"


def signature(secret: str, body: bytes, at: int) -> str:
    """Return the header's value. `at`: Unix seconds; a receiver should refuse what is older than some minutes."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
