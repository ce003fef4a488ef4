"""Too many messages to one person (63018; Meta's 131056), and others that failed for a temporary reason.

WhatsApp takes about one message per 6 s to one person. Any more are refused, or accepted and fail later, by a
report. They are sent again, in order, and whatever the number has behind them waits. Other numbers do not.
"""

from datetime import timedelta

from rules.inputs import DeliveryReported, KnownSend
from rules.state import replace
from rules.turns import CameBack

# Two messages' worth of WhatsApp's rate to one person, then ever longer.
_FIRST_WAIT = timedelta(seconds=12)
_LONGEST_WAIT = timedelta(hours=1)
# What was said a day ago is not said again.
_WORTH_SAYING = timedelta(days=1)
# Keeps the exponent small; the longest wait is reached earlier.
_MOST_DOUBLINGS = 10


def wait_after(times: int) -> timedelta:
    """Return how long a number waits after a message has come back so many times."""
    doubled: timedelta = _FIRST_WAIT * 2 ** min(times, _MOST_DOUBLINGS)
    return min(_LONGEST_WAIT, doubled)


def again(report: DeliveryReported, send: KnownSend) -> CameBack | None:
    """Return what is said again later; None if it was said too long ago."""
    if report.at - send.planned_at > _WORTH_SAYING:
        return None
    part = replace(send.as_part(), times=send.times + 1)
    return CameBack(
        turn_id=part.origin_turn or send.turn_id,
        kind=send.said_kind,
        parts=(part,),
        since=send.planned_at,
        due=report.at + wait_after(send.times),
        times=send.times + 1,
    )
