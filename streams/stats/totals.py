"""The figures of `/api/stats` as sums over records: right by construction, at a constant cost. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from streams.stats.calls import FATES, Call
from streams.stats.days import COUNTS, Day, quantiles
from streams.stats.event import MICROSECONDS
from streams.stats.record import Record

Sums = dict[str, Any]
"""`active` conversations, a day's `days.COUNTS`, `latency` by bucket. Sums of disjoint records add up."""
Campaign = tuple[str | None, str | None]
"""`batch_id` and `group_id`."""
CALL_COUNTS = ("started", *FATES)

_NO_DAYS: dict[str, Day] = {}
_NO_CALLS: list[Call] = []


class Totals:
    """The sums over a set of records, kept current while records change."""

    def __init__(self) -> None:
        self._active = 0
        self._days: dict[str, Counter[str]] = {}
        self._latency: dict[str, Counter[str]] = {}
        self._campaigns: dict[Campaign, dict[str, Counter[str]]] = {}

    def replace(self, before: Record | None, after: Record | None) -> None:
        """Swap a record's former contribution for its present one. None: it was not, or is no longer.

        What both have in common is left alone: records share what did not change.
        """
        self._active += _is_active(after) - _is_active(before)
        days_before, days_after = (record["days"] if record else _NO_DAYS for record in (before, after))
        for day in days_before.keys() | days_after.keys():
            if (old := days_before.get(day)) is not (new := days_after.get(day)):
                self._add_day(day, old, -1)
                self._add_day(day, new, 1)
        calls_before, calls_after = (record["calls"] if record else _NO_CALLS for record in (before, after))
        if calls_before is not calls_after:
            self._add_calls(calls_before, -1)
            self._add_calls(calls_after, 1)

    def of(self, day: str) -> Sums:
        """Return the sums. `day`: ISO date in the statistics' time zone."""
        counts, latency = self._days.get(day, Counter()), self._latency.get(day, Counter())
        return {
            "active": self._active,
            **{name: counts[name] for name in COUNTS},
            "latency": {key: count for key, count in latency.items() if count},
        }

    def campaign(self, wanted: Mapping[str, str]) -> dict[str, dict[str, int]]:
        """Return the calls' counts by day. `wanted`: `batch_id`, `group_id` or both."""
        by_day: dict[str, Counter[str]] = {}
        for (batch_id, group_id), days in self._campaigns.items():
            if {"batch_id": batch_id, "group_id": group_id}.items() >= wanted.items():
                for day, counts in days.items():
                    by_day.setdefault(day, Counter()).update(counts)
        return {
            day: {name: count for name, count in counts.items() if count} for day, counts in by_day.items()
        }

    def _add_day(self, day: str, counts: Day | None, sign: int) -> None:
        if counts is None:
            return
        sums = self._days.setdefault(day, Counter())
        for name in COUNTS:
            sums[name] += sign * counts[name]
        for key, count in counts.get("latency", {}).items():
            self._latency.setdefault(day, Counter())[key] += sign * count

    def _add_calls(self, calls: list[Call], sign: int) -> None:
        for call in calls:
            days = self._campaigns.setdefault((call["batch_id"], call["group_id"]), {})
            sums = days.setdefault(call["day"], Counter())
            sums["started"] += sign
            for fate in FATES:
                sums[fate] += sign * call[fate]
            for reason, count in call["reasons"].items():
                sums[f"reason {reason}"] += sign * count


def _is_active(record: Record | None) -> bool:
    return record is not None and record["status"] == "active"


def merged(parts: Iterable[Sums]) -> Sums:
    """Merge one day's sums over disjoint sets of records."""
    total: Counter[str] = Counter()
    latency: Counter[str] = Counter()
    for part in parts:
        total.update({name: count for name, count in part.items() if name != "latency"})
        latency.update(part["latency"])
    return {**total, "latency": latency}


def figures(parts: Iterable[Sums]) -> dict[str, Any]:
    """Return the contract's figures, without `queue`, from one day's sums over disjoint sets of records."""
    total = merged(parts)
    started, responses = total.get("started", 0), total.get("response_count", 0)
    seconds = total.get("response_microseconds", 0) / MICROSECONDS
    return {
        "active_conversations": total.get("active", 0),
        "total_conversations_today": started,
        "messages_sent_today": total.get("sent", 0),
        "messages_received_today": total.get("received", 0),
        "response_rate": round(100 * total.get("answered", 0) / started, 1) if started else 0,
        "avg_response_time_seconds": round(seconds / responses, 3) if responses else 0,
        "response_time_seconds": quantiles(total["latency"]),
    }


def campaign_days(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, Any]]:
    """Return a campaign's figures by day, oldest first: `CALL_COUNTS`, and `reasons` of failures."""
    by_day: dict[str, Counter[str]] = {}
    for part in parts:
        for day, counts in part.items():
            by_day.setdefault(day, Counter()).update(counts)
    return {day: _campaign_day(by_day[day]) for day in sorted(by_day) if by_day[day]["started"]}


def _campaign_day(counts: Mapping[str, int]) -> dict[str, Any]:
    prefix = "reason "
    reasons = {name.removeprefix(prefix): count for name, count in counts.items() if name.startswith(prefix)}
    return {**{name: counts.get(name, 0) for name in CALL_COUNTS}, "reasons": reasons}
