"""How we stand with both vendors: what they refuse of ours, whichever number it is about."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from clients.account_gate import AccountGate
from clients.sender_standing import SenderStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    sender: SenderStanding
    agents: AccountGate

    @classmethod
    def begun(cls, now: Callable[[], datetime]) -> Self:
        """Return one in which nothing is known to be refused. `now`: Postgres' time."""
        return cls(sender=SenderStanding("twilio", now), agents=AccountGate("elevenlabs", now))

    @property
    def gates(self) -> tuple[AccountGate, AccountGate]:
        return self.sender.account, self.agents

    def shown(self) -> list[dict[str, Any]]:
        """Return all that is paused, for views."""
        return [*self.sender.shown(), *self.agents.shown()]
