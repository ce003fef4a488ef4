"""Limits of the sender or the account, whoever is written to. Pure, except for the clock."""

import time
from dataclasses import dataclass, field

_DAY_SECONDS = 24 * 3600.0
_LIMIT_REACHED = 63018
_OF_EVERY_REQUEST = {20003: 401, 20005: 403}
"""Codes that answer any request of the account, with their status; the others come only with a send."""


@dataclass(slots=True)
class TierLimit:
    """Meta's messaging limit: how many people may be written to first within 24 hours (0: no limit).

    People who wrote or were reached within them do not count.
    """

    most: int = 0
    _reached: dict[str, float] = field(default_factory=dict)  # by number: when last, seconds

    def exceeded(self, to: str) -> int | None:
        """Count a person; return the code if this is one too many."""
        now = time.monotonic()
        recent = (
            {each: at for each, at in self._reached.items() if now - at < _DAY_SECONDS}
            if self.most
            else self._reached
        )
        if self.most and to not in recent and len(recent) >= self.most:
            return _LIMIT_REACHED
        recent[to] = now
        self._reached = recent
        return None

    def clear(self) -> None:
        self._reached = {}


@dataclass(slots=True)
class AccountTrouble:
    """The code with which the account, its key or its sender is refused; None: it is not."""

    code: int | None = None

    def of_every_request(self) -> tuple[int, int] | None:
        """Return status and code if every request is refused."""
        status = _OF_EVERY_REQUEST.get(self.code or 0)
        return None if status is None or self.code is None else (status, self.code)

    def when(self, when: str, default: str) -> int | None:
        """Return the code for a create. `default`: when Twilio reports this code, sync or async."""
        return self.code if default == when else None
