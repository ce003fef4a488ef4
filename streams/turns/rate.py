"""How fast this process may send. Twilio counts per sender: each process has the share of its partitions."""

from collections.abc import Callable

from aiolimiter import AsyncLimiter

from schemas.settings import Settings

Share = Callable[[], float]
"""The part of the sender's rate that is this process's: above 0, up to 1."""


def allowed_per_second(settings: Settings) -> float:
    """Give the lower of what the sender may send and what is ours of the account's rate."""
    of_sender = settings.twilio_messages_per_second
    return min(of_sender, settings.twilio_account_messages_per_second or of_sender)


class Rate:
    """A second's worth at once, then evenly: what Twilio counts, and what smooths a backlog after an outage."""

    def __init__(self, per_second: float, share: Share = lambda: 1.0) -> None:
        self._per_second = per_second
        self._share = share
        self._current = 0.0
        self._limiter = AsyncLimiter(per_second, 1.0)

    def limiter(self) -> AsyncLimiter:
        """Give the limiter for the share of this moment; shares change with assignments."""
        share = self._share()
        if share != self._current:
            self._current = share
            # At less than one a second the period grows instead: a limiter lets one through only if it holds one.
            rate = self._per_second * share
            self._limiter = AsyncLimiter(max(1.0, rate), max(1.0, 1.0 / rate))
        return self._limiter
