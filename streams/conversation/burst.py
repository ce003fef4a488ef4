"""How long a burst of messages is waited for, so that one answer is enough. Pure."""

from datetime import datetime


def wait_seconds(first: datetime, newest: datetime, now: datetime, *, quiet: float, most: float) -> float:
    """Give how long to wait from `now` on: `quiet` seconds of silence after the newest, `most` after the first.

    Times are when the messages came, so what has waited in the log is not waited for again. A clock that was put back makes
    no wait longer than `quiet`.
    """
    silent_in = quiet - max(0.0, (now - newest).total_seconds())
    over_in = most - max(0.0, (now - first).total_seconds())
    return max(0.0, min(silent_in, over_in))
