"""How often something has happened within the last hour."""

from collections import deque
from datetime import datetime, timedelta

_HOUR = timedelta(hours=1)
# More than this is not counted one by one: somebody looks for one as well.
_MOST = 1000


class LastHour:
    """Told the time."""

    def __init__(self) -> None:
        self._times: deque[datetime] = deque(maxlen=_MOST)

    def note(self, at: datetime) -> None:
        """It has happened. `at`: aware."""
        self._times.append(at)

    def count(self, now: datetime) -> int:
        """Return how often it has."""
        return sum(at > now - _HOUR for at in self._times)
