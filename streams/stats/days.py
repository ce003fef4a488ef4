"""What a conversation adds to each day's totals. Pure; nothing is changed in place.

A day is plain JSON: `COUNTS`, and `latency`, the response times by bucket (see `latency`).
"""

from datetime import date, timedelta
from typing import Any

from streams.stats.latency import bucket

Day = dict[str, Any]
Days = dict[str, Day]

# Today is asked for, yesterday around midnight; a week lets people look back. Older days are in Postgres.
DAYS_KEPT = 8
COUNTS = ("started", "answered", "received", "sent", "failed", "response_microseconds", "response_count")
"""What a day counts. `started`, `answered`: 0 or 1. Whole microseconds, because sums of floats depend on their order."""


def with_counts(days: Days, day: str, **added: int) -> Days:
    """Give the days with counts added to one of them."""
    counts = days.get(day) or dict.fromkeys(COUNTS, 0)
    return {**days, day: {**counts, **{name: counts[name] + count for name, count in added.items()}}}


def with_flag(days: Days, day: str, name: str) -> Days:
    """Give the days with a count that is 0 or 1 set."""
    counts = days.get(day) or dict.fromkeys(COUNTS, 0)
    return days if counts[name] else {**days, day: {**counts, name: 1}}


def with_response(days: Days, day: str, response_microseconds: int) -> Days:
    """Give the days with a response time added to one that is there."""
    counts, key = days[day], bucket(response_microseconds)
    latency = counts.get("latency", {})
    added = {
        "response_microseconds": counts["response_microseconds"] + response_microseconds,
        "response_count": counts["response_count"] + 1,
        "latency": {**latency, key: latency.get(key, 0) + 1},
    }
    return {**days, day: {**counts, **added}}


def oldest_kept(newest: str, kept: int) -> str:
    """Give the oldest of `kept` days that end with `newest`."""
    return (date.fromisoformat(newest) - timedelta(days=kept - 1)).isoformat()


def kept_days(days: Days, oldest: str) -> Days:
    """Give the days from `oldest` on."""
    if all(day >= oldest for day in days):
        return days
    return {day: counts for day, counts in days.items() if day >= oldest}
