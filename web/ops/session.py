"""The session: an encrypted cookie that every web process can read, so that none of them has to keep it.

It ends some hours after the sign-in, with its operator's token, and everywhere when the operator signs out.
"""

import base64
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.fernet import Fernet, MultiFernet

from db.queries import load
from web.ops.operators import Operators

_sql = load("ops")

CSRF = "csrf"
COOKIE = "ops_session"
_OPERATOR, _PROOF, _BEGAN, _ID, _TOLD = "operator", "proof", "began", "id", "told"
# A working day; then one signs in again.
_SECONDS = 8 * 3600
_RANDOM_BYTES = 16


class _Keys(Fernet):
    """Encrypts with the first key and reads with all: another process may have the new token already."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        spelled = [base64.urlsafe_b64encode(key) for key in keys]
        super().__init__(spelled[0])
        self._all = MultiFernet([Fernet(key) for key in spelled])

    def decrypt(self, token: bytes | str, ttl: int | None = None) -> bytes:
        return self._all.decrypt(token, ttl)


class EndedSessions(Protocol):
    """See `web.database.Database`."""

    async def value(self, sql: str, *arguments: object) -> object: ...


class Sessions:
    """Begins, recognises and ends sessions. `database`: knows which were signed out of."""

    def __init__(self, operators: Operators, database: EndedSessions, public_base_url: str | None) -> None:
        self._operators = operators
        self._database = database
        self.storage = EncryptedCookieStorage(
            _Keys(operators.session_keys),
            cookie_name=COOKIE,
            max_age=_SECONDS,
            path="/ops",
            httponly=True,
            samesite="Strict",
            secure=urlsplit(public_base_url or "").scheme == "https",
        )

    def begin(self, session: Session, operator: str) -> None:
        """Fill a new session."""
        session[_OPERATOR], session[_PROOF] = operator, self._operators.proof(operator)
        session[_BEGAN] = int(time.time())
        session[_ID] = secrets.token_urlsafe(_RANDOM_BYTES)
        session[CSRF] = secrets.token_urlsafe(_RANDOM_BYTES)

    async def operator(self, session: Session) -> str | None:
        """Return whose session it is; None once it has ended.

        Raises:
            Unavailable: Postgres does not tell whether it was signed out of.
        """
        name = session.get(_OPERATOR)
        if not isinstance(name, str) or not self._operators.is_proof(name, session.get(_PROOF)):
            return None
        if time.time() > _end(session) or await self._database.value(_sql.session_has_ended, session[_ID]):
            return None
        return str(name)

    async def end(self, session: Session) -> None:
        """End a session on every web process, whoever has a copy of its cookie.

        Raises:
            Unavailable: Postgres does not take it; the session goes on.
        """
        if _ID in session:
            ends_at = datetime.fromtimestamp(_end(session), UTC).replace(tzinfo=None)
            await self._database.value(_sql.end_session, session[_ID], ends_at)
        session.invalidate()


def tell(
    session: Session, text: str, *, problem: bool = False, more: str = "", done: str = "", **values: str
) -> None:
    """Have the next page say something once, in English; the page translates it.

    `more`: after a colon; `done`: the action that succeeded; `values`: what replaces `%(name)s` in the text.
    """
    session[_TOLD] = {"text": text, "problem": problem, "more": more, "done": done, "values": values}


def take_told(session: Session) -> dict[str, Any] | None:
    """Return what is to be said, if anything, and forget it."""
    return session.pop(_TOLD) if _TOLD in session else None


def _end(session: Session) -> int:
    return int(session[_BEGAN]) + _SECONDS
