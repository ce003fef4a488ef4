"""How long something that failed waits before it is tried again."""

from datetime import datetime, timedelta

from rules.inputs import LookupDone
from rules.turns import Wait

# Twilio's advice for 429 starts at 100 ms (reliability patterns); after brief trouble we answer promptly.
_FIRST_WAIT = timedelta(milliseconds=200)
# A number that waits for hours costs nothing, and one that waits for minutes is late by minutes at most.
_LONGEST_WAIT = timedelta(minutes=5)
# Keeps the exponent small; the longest wait is reached earlier.
_MOST_DOUBLINGS = 12
# An unknown outcome is looked up every second at first: the report mostly comes before, and the list lags by
# seconds. After that, after a fifth of its age: nobody waits more than that much longer, and lookups are few.
_FIRST_LOOK, _SHARE_OF_AGE, _LONGEST_LOOK = timedelta(seconds=1), 5, timedelta(minutes=1)
# A list that may prove absence is read as soon as it may, and often for as long as it may lag behind.
_PROVING = timedelta(seconds=5)


def backoff(tries: int, jitter: float, asked: float | None = None) -> timedelta:
    """Return the wait after `tries` earlier ones: doubled each time, never less than the vendor asked for.

    Args:
        jitter: 0 to 1, the share of the wait that is added to it, so that numbers do not come back together.
        asked: seconds, the vendor's `Retry-After`.
    """
    doubled: timedelta = _FIRST_WAIT * 2 ** min(tries, _MOST_DOUBLINGS)
    return max(min(_LONGEST_WAIT, doubled) * (1 + jitter), timedelta(seconds=asked or 0.0))


def next_look(looked: int, age: timedelta, now: datetime, lookup: LookupDone) -> Wait:
    """Return the wait before an unknown outcome is looked up again: never past a moment that may decide it.

    Args:
        looked: how often it was looked up before.
        age: of the attempt.
    """
    wait = max(_FIRST_LOOK, min(_LONGEST_LOOK, age / _SHARE_OF_AGE))
    if lookup.proof_at is not None and lookup.proof_at <= now < lookup.proof_at + _PROVING:
        wait = _FIRST_LOOK
    ahead = [at - now for at in (lookup.proof_at, lookup.over_at) if at is not None and at > now]
    return Wait(reason="backoff", until=now + min([wait, *ahead]), tries=looked + 1)
