"""Delivery reports: what the journal is given of one."""

from collections.abc import Sequence
from typing import Any

from schemas.events import MessageStatus
from schemas.statuses import FAILED, rank_of
from schemas.twilio_codes import PASSING, classify

Json = dict[str, Any]


def report_step(report: MessageStatus) -> Json:
    """Give the journal's argument for a report; an unknown status is noted with the lowest rank."""
    status = report.params.get("MessageStatus") or report.params.get("SmsStatus", "")
    failed = status in FAILED
    verdict = classify(report.params.get("ErrorCode")) if failed else None
    kind = verdict.kind if verdict else None
    return {
        "own_id": report.own_id,
        "phone_number": report.key,  # however Twilio spells it: an erasure must find it
        "sid": report.params.get("MessageSid"),
        "status": status,
        "rank": rank_of(status),
        "at": report.received_at.isoformat(),
        "delivered": status in ("delivered", "read"),
        "read": status == "read",
        "failed": failed,
        "suppress": kind == "suppress",
        "outside": kind == "template",
        "passing": kind in PASSING,
        "error_code": report.params.get("ErrorCode"),
        "reason": verdict.es if verdict else None,
        "vendor_words": report.params.get("ChannelStatusMessage") or report.params.get("ErrorMessage"),
    }


def merged(steps: Sequence[Json]) -> Json:
    """Give one step for several reports of one message: the furthest, with what each of them proves."""
    proven = {name: any(step[name] for step in steps) for name in ("delivered", "read")}
    return max(steps, key=lambda step: int(step["rank"])) | proven
