"""Signed URLs: valid for a while, those with a conversation's id once."""

import secrets
import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Signature:
    """`conversation_id`: known beforehand, empty where not asked for; then it may be used once."""

    agent_id: str
    conversation_id: str
    until: float


@dataclass(slots=True)
class Signatures:
    """All that were given out and are still good."""

    given: dict[str, Signature] = field(default_factory=dict)

    def sign(self, agent_id: str, conversation_id: str, seconds: float) -> str:
        """Return a new one's token."""
        now = time.monotonic()
        for old in [token for token, one in self.given.items() if one.until < now]:
            del self.given[old]
        token = f"cvtkn_{secrets.token_hex(16)}"
        self.given[token] = Signature(agent_id, conversation_id, now + seconds)
        return token

    def use(self, token: str, agent_id: str) -> Signature | None:
        """Return what a token stands for; None: unknown, of another agent, too old or used."""
        found = self.given.get(token)
        if found is None or found.agent_id != agent_id or found.until < time.monotonic():
            return None
        if found.conversation_id:
            del self.given[token]
        return found
