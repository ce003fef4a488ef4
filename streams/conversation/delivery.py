"""Delivery reports by rank: they come in any order, repeated, and are never taken back.

Ranks and final states as documented by Twilio (message resource, outbound message status in callbacks).
"""

from typing import Any

from schemas.events import MessageStatus
from streams.vendors.twilio_codes import classify

_RANKS = {"accepted": 0, "scheduled": 0, "queued": 1, "sending": 2, "sent": 3, "delivered": 4, "read": 5}
_FAILED = frozenset({"failed", "undelivered", "canceled"})
# Final: no later report may take it back, except that nothing outranks it.
_FAILED_RANK = 6


def report_step(report: MessageStatus) -> dict[str, Any]:
    """Give the journal's argument for a report; an unknown status is noted with the lowest rank."""
    status = report.params.get("MessageStatus") or report.params.get("SmsStatus", "")
    failed = status in _FAILED
    kind = classify(report.params.get("ErrorCode")).kind if failed else None
    return {
        "own_id": report.own_id,
        "phone_number": report.params.get("To", ""),
        "sid": report.params.get("MessageSid"),
        "status": status,
        "rank": _FAILED_RANK if failed else _RANKS.get(status, 0),
        "delivered": status in ("delivered", "read"),
        "read": status == "read",
        "failed": failed,
        "suppress": kind == "suppress",
        "outside": kind == "template",
        "error_code": report.params.get("ErrorCode"),
        "reason": report.params.get("ChannelStatusMessage") or report.params.get("ErrorMessage"),
    }
