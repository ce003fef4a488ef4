"""Signed URLs: valid for a while; those with a conversation id are valid once."""

import secrets
import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signed URL allows."""

    agent_id: str
    #: Known beforehand, empty if not requested. With one, the URL can be used only once.
    conversation_id: str
    until: float


@dataclass(slots=True)
class Signatures:
    """The signed URLs that were issued and are still valid."""

    given: dict[str, Signature] = field(default_factory=dict)

    def sign(self, agent_id: str, conversation_id: str, seconds: float) -> str:
        """Issue a signed URL; return its token."""
        now = time.monotonic()
        for old in [token for token, one in self.given.items() if one.until < now]:
            del self.given[old]
        token = f"cvtkn_{secrets.token_hex(16)}"
        self.given[token] = Signature(agent_id, conversation_id, now + seconds)
        return token

    def use(self, token: str, agent_id: str) -> Signature | None:
        """Return what a token stands for; None if unknown, for another agent, expired or used."""
        found = self.given.get(token)
        if found is None or found.agent_id != agent_id or found.until < time.monotonic():
            return None
        if found.conversation_id:
            del self.given[token]
        return found
