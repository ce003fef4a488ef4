"""The session: an encrypted cookie that every web process can read, so that none of them keeps it."""

import secrets
from urllib.parse import urlsplit

from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

OPERATOR = "operator"
CSRF = "csrf"
TOLD = "told"
COOKIE = "ops_session"
# A working day; then one signs in again.
_SECONDS = 8 * 3600
_KEY_BYTES = 32
_CSRF_BYTES = 16


def storage(secret: str | None, public_base_url: str | None) -> EncryptedCookieStorage:
    """Make the cookie's storage; its key comes from the service's token, so a new token ends all sessions.

    `secret` None: a key of this process only, as nobody can sign in then.
    """
    return EncryptedCookieStorage(
        _key(secret or secrets.token_hex()),
        cookie_name=COOKIE,
        max_age=_SECONDS,
        path="/ops",
        httponly=True,
        samesite="Strict",
        secure=urlsplit(public_base_url or "").scheme == "https",
    )


def start(session: Session, operator: str) -> None:
    """Fill a new session."""
    session[OPERATOR] = operator
    session[CSRF] = secrets.token_urlsafe(_CSRF_BYTES)


def _key(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"operators' sessions").derive(secret.encode())


def tell(session: Session, text: str, *, problem: bool = False, more: str = "", done: str = "", **values: str) -> None:
    """Have the next page say something once, in English; the page translates it.

    `more`: behind a colon; `done`: the deed that succeeded; `values`: what stands for `%(name)s` in the text.
    """
    session[TOLD] = {"text": text, "problem": problem, "more": more, "done": done, "values": values}
