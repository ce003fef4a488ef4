"""How long something that failed waits before it is tried again."""

from datetime import datetime, timedelta

from rules.state import Wait

# Twilio's advice for 429 starts at 100 ms (reliability patterns); the first answer after a short trouble is
# prompt.
_FIRST_WAIT = timedelta(milliseconds=200)
# A number that waits for hours costs nothing, and one that waits for minutes is late by minutes at most.
_LONGEST_WAIT = timedelta(minutes=5)
# Keeps the exponent small; the longest wait is reached before.
_MOST_DOUBLINGS = 12
# An unknown outcome is looked up each second at first: the report mostly comes before, the list lags by
# seconds. Then, until absence is proven, or patience is over (60 s), often enough for whoever waits.
_QUICK_LOOK, _QUICK_LOOKS = timedelta(seconds=1), 3
_LOOK, _LOOKS = timedelta(seconds=5), 21
# A list that may prove absence is read the moment that it may, and often for as long as it may lag behind.
_PROVING = timedelta(seconds=5)
_LONGEST_LOOK = timedelta(minutes=1)


def backoff(tries: int, jitter: float, asked: float | None = None) -> timedelta:
    """Return the wait after `tries` former ones: doubled each time, never less than the vendor asked.

    Args:
        jitter: 0 to 1, the part of the wait that is added to it, so that numbers do not come back together.
        asked: seconds, the vendor's `Retry-After`.
    """
    doubled: timedelta = _FIRST_WAIT * 2 ** min(tries, _MOST_DOUBLINGS)
    return max(min(_LONGEST_WAIT, doubled) * (1 + jitter), timedelta(seconds=asked or 0.0))


def next_look(looked: int, now: datetime, proof_at: datetime | None = None) -> Wait:
    """Return the wait before an unknown outcome is looked up again. `proof_at`: from when on a list may prove absence."""
    wait = _QUICK_LOOK if looked < _QUICK_LOOKS else _LOOK if looked < _LOOKS else _LONGEST_LOOK
    if proof_at is not None and now < proof_at + _PROVING:
        wait = min(wait, max(_QUICK_LOOK, proof_at - now))
    return Wait(reason="backoff", until=now + wait, tries=looked + 1)
