"""`X-Service-Token`, and how our processes prove themselves to each other without it.

There are two tokens while it is being changed. The token goes only to addresses from the settings. A
group's members name their own addresses, so they get a proof instead, which is good for one question
and for a minute.
"""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from schemas.secret import derived_key
from schemas.settings import Settings

TOKEN_HEADER: Final = "X-Service-Token"
"""What shows that a caller is one of ours; see the contract."""
PROOF_HEADER: Final = "X-Peer-Proof"
SHORTEST_TOKEN: Final = 24
"""Tokens of fewer characters bring a warning: 16 bytes in base64 have 22 to 24."""

_PEERS = "stats workers' questions to each other"
# Clocks in one data centre differ by less.
_PROOF_SECONDS = 60


def accepted_tokens(settings: Settings) -> tuple[str, ...]:
    """Return what counts as the service's token, the one that we send first; empty: no caller has one."""
    if not settings.microservice_token:
        return ()
    both = (settings.microservice_token, settings.microservice_token_secondary)
    return tuple(each for each in both if each)


def is_authorized(tokens: Sequence[str], given: str | None) -> bool:
    """Return whether a token is accepted, comparing in constant time. Without tokens nobody is authorized."""
    if not given:
        return False
    found = given.encode("utf-8", "surrogateescape")
    return any(hmac.compare_digest(token.encode(), found) for token in tokens)


def short_tokens(settings: Settings) -> list[str]:
    """Return the variables whose tokens are short enough to be guessed."""
    names = ("microservice_token", "microservice_token_secondary", "backend_webhook_secret")
    short = [name.upper() for name in names if 0 < len(getattr(settings, name) or "") < SHORTEST_TOKEN]
    operators = any(0 < len(token) < SHORTEST_TOKEN for token in settings.operators().values())
    return short + (["OPERATOR_TOKENS"] if operators else [])


class PeerProofs:
    """Proofs between holders of a token. `now`: seconds since 1970."""

    def __init__(self, tokens: Sequence[str], now: Callable[[], float]) -> None:
        self._keys = [derived_key(token, _PEERS) for token in tokens]
        self._now = now

    def headers(self, path: str, query: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that go with a question; none without a token."""
        if not self._keys:
            return {}
        at = int(self._now())
        return {PROOF_HEADER: f"{at}:{_proof(self._keys[0], at, path, query)}"}

    def are_proven(self, path: str, query: Mapping[str, str], given: str | None) -> bool:
        """Return whether a holder of a token asks this now."""
        written, _, proof = (given or "").partition(":")
        if not (written.isascii() and written.isdigit() and len(written) <= len("9999999999")):
            return False
        at = int(written)
        if abs(self._now() - at) > _PROOF_SECONDS:
            return False
        found = proof.encode("utf-8", "surrogateescape")
        return any(hmac.compare_digest(_proof(key, at, path, query).encode(), found) for key in self._keys)


def _proof(key: bytes, at: int, path: str, query: Mapping[str, str]) -> str:
    asked = json.dumps([at, path, sorted(query.items())])
    return hmac.new(key, asked.encode(), sha256).hexdigest()
