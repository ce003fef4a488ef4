"""The figures of `/api/stats` as sums over records: right by construction. Pure."""

from collections.abc import Iterable
from typing import Any

from streams.stats.record import Record


def totals(records: Iterable[Record], today: str) -> dict[str, Any]:
    """Sum the records. `today`: ISO date in the statistics' time zone."""
    active = started = answered = received = sent = responses = 0
    seconds = 0.0
    for record in records:
        active += record["status"] == "active"
        counts = record["days"].get(today)
        if counts is None:
            continue
        started += counts["started"]
        answered += bool(counts["started"] and counts["received"])
        received += counts["received"]
        sent += counts["sent"]
        seconds += counts["response_seconds"]
        responses += counts["responses"]
    return {
        "active_conversations": active,
        "total_conversations_today": started,
        "messages_sent_today": sent,
        "messages_received_today": received,
        "response_rate": round(100 * answered / started, 1) if started else 0,
        "avg_response_time_seconds": round(seconds / responses, 3) if responses else 0,
    }
