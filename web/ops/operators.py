"""Who may sign in with which token, and what a session remembers of a token. Pure."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Self

from clients.service_token import accepted_tokens
from schemas.secret import derived_key
from schemas.settings import Settings

SERVICE_OPERATOR = "servicio"
"""Whoever signs in with the service's own token."""
_SESSIONS = "operators' sessions"


class Operators:
    """Today's operators.

    `tokens`: each one's, by name; `secrets`: what sessions' keys are derived from, new sessions' first.
    """

    def __init__(self, tokens: Mapping[str, Sequence[str]], secrets: Sequence[str]) -> None:
        self._tokens = {
            name: own for name, given in tokens.items() if (own := [token for token in given if token])
        }
        self.session_keys = [derived_key(secret, _SESSIONS) for secret in secrets]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Take the operators from the settings.

        The sessions' key comes from the service's token or, without one, from the operators' tokens: every
        web process with the same settings reads every session.
        """
        operators, service = settings.operators(), accepted_tokens(settings)
        own = {name: [token] for name, token in operators.items()}
        return cls({**own, SERVICE_OPERATOR: service}, service or [json.dumps(operators, sort_keys=True)])

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def by_token(self, given: str) -> str | None:
        """Return the name that a token belongs to; every comparison takes the same time."""
        names = [name for name, tokens in self._tokens.items() for token in tokens if _is_same(token, given)]
        return names[0] if names else None

    def proof(self, name: str) -> str | None:
        """Return what an operator's new session holds; it changes with the token, and is None without one."""
        tokens = self._tokens.get(name)
        return _proof(self.session_keys[0], name, tokens[0]) if tokens else None

    def is_proof(self, name: str, given: object) -> bool:
        """Return whether a session's proof is one of the operator's; none is once the operator is gone."""
        tokens = self._tokens.get(name, ())
        return any(given == _proof(key, name, token) for key in self.session_keys for token in tokens)


def _proof(key: bytes, name: str, token: str) -> str:
    return hmac.new(key, json.dumps([name, token]).encode(), hashlib.sha256).hexdigest()


def _is_same(token: str, given: str) -> bool:
    return hmac.compare_digest(token.encode(), given.encode())
