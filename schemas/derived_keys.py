"""Keys derived from a secret, one for each purpose: none tells the secret, or another key. Pure."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32


def derived_key(secret: str, purpose: str) -> bytes:
    """Return 32 bytes (HKDF with SHA-256, RFC 5869), the same in every process."""
    derivation = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode())
    return derivation.derive(secret.encode())
