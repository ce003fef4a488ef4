"""What concerns the sender or the account, whomever is written to. Pure, but for the clock."""

import time
from dataclasses import dataclass, field

_DAY_SECONDS = 24 * 3600.0
_LIMIT_REACHED = 63018
_OF_EVERY_REQUEST = {20003: 401, 20005: 403}
"""Codes that answer whatever the account asks, with their status; others come where something is sent."""


@dataclass(slots=True)
class TierLimit:
    """Meta's messaging limit: so many people (0: no bound) may be written to first within 24 hours. Whoever wrote, or was
    reached within them, is none of these.
    """

    most: int = 0
    _reached: dict[str, float] = field(default_factory=dict)  # by number: when last, seconds

    def exceeded(self, to: str) -> int | None:
        """Count a person; returns the code where it is one too many."""
        now = time.monotonic()
        recent = {each: at for each, at in self._reached.items() if now - at < _DAY_SECONDS} if self.most else self._reached
        if self.most and to not in recent and len(recent) >= self.most:
            return _LIMIT_REACHED
        recent[to] = now
        self._reached = recent
        return None

    def clear(self) -> None:
        self._reached = {}


@dataclass(slots=True)
class AccountTrouble:
    """`code`: with which the account, its key or its sender is refused; None: it is not."""

    code: int | None = None

    def of_every_request(self) -> tuple[int, int] | None:
        """Return status and code where everything is refused."""
        status = _OF_EVERY_REQUEST.get(self.code or 0)
        return None if status is None or self.code is None else (status, self.code)

    def when(self, when: str, default: str) -> int | None:
        """Return the code of a create. `default`: when Twilio says this code, sync or async."""
        return self.code if default == when else None
