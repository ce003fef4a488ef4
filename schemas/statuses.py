"""Twilio's delivery statuses by rank: reports arrive in any order, may repeat, and are never taken back.

Ranks and final states as documented by Twilio (message resource, outbound message status in callbacks).
"""

_RANKS = {"accepted": 0, "scheduled": 0, "queued": 1, "sending": 2, "sent": 3, "delivered": 4, "read": 5}
FAILED = frozenset({"failed", "undelivered", "canceled"})
# Final: nothing outranks it, so no later report takes it back.
_FAILED_RANK = 6


def rank_of(status: str) -> int:
    """Return a status's rank; an unknown status has the lowest."""
    return _FAILED_RANK if status in FAILED else _RANKS.get(status, 0)
