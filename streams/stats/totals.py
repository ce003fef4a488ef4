"""The figures of `/api/stats` as sums over records: right by construction, at a cost that does not grow with them. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from streams.stats.record import COUNTS, Record

Sums = dict[str, int]
"""`active` conversations, and a day's counts (`record.COUNTS`). Sums of disjoint records add up."""

_MICROSECONDS = 1_000_000


class Totals:
    """The sums over a set of records, kept while records change."""

    def __init__(self) -> None:
        self._active = 0
        self._days: dict[str, Counter[str]] = {}

    def replace(self, before: Record | None, after: Record | None) -> None:
        """Take a record's former contribution out and put its present one in; None: it was not, or is no longer."""
        if before is not None:
            self._add(before, -1)
        if after is not None:
            self._add(after, 1)

    def _add(self, record: Record, sign: int) -> None:
        self._active += sign * (record["status"] == "active")
        for day, counts in record["days"].items():
            sums = self._days.setdefault(day, Counter())
            for name, count in counts.items():
                sums[name] += sign * count

    def of(self, day: str) -> Sums:
        """Give the sums. `day`: ISO date in the statistics' time zone."""
        counts = self._days.get(day, Counter())
        return {"active": self._active, **{name: counts[name] for name in COUNTS}}


def figures(parts: Iterable[Sums]) -> dict[str, Any]:
    """Give the contract's figures, without `queue`, of one day's sums over disjoint sets of records."""
    total: Counter[str] = Counter()
    for part in parts:
        for name, count in part.items():
            total[name] += count
    started, responses = total["started"], total["response_count"]
    seconds = total["response_microseconds"] / _MICROSECONDS
    return {
        "active_conversations": total["active"],
        "total_conversations_today": started,
        "messages_sent_today": total["sent"],
        "messages_received_today": total["received"],
        "response_rate": round(100 * total["answered"] / started, 1) if started else 0,
        "avg_response_time_seconds": round(seconds / responses, 3) if responses else 0,
    }
