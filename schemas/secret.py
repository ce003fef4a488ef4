"""Strings that must not be read over somebody's shoulder: not in a traceback, not in a printed value."""

from typing import Annotated

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import AfterValidator

_KEY_BYTES = 32


class Secret(str):
    """A string like any other whose `repr` hides it: whatever holds it may be printed whole."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


SecretText = Annotated[str, AfterValidator(Secret)]
"""The type of a secret setting."""


def derived_key(secret: str, purpose: str) -> bytes:
    """Return 32 bytes (HKDF with SHA-256, RFC 5869), the same in every process."""
    derivation = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode())
    return derivation.derive(secret.encode())
