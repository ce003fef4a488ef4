"""What a conversation adds to each day's totals. Pure; nothing is changed in place.

A day is plain JSON: `COUNTS`, and `latency`, the response times by bucket. The latter is a mergeable sketch
whose quantiles are right to 1 %. A bucket's count is an integer, so sketches add up in any order and can be
taken out again. Buckets and quantiles are those of Datadog's DDSketch.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from ddsketch import DDSketch
from ddsketch.mapping import LogarithmicMapping

from streams.stats.event import MICROSECONDS

Day = dict[str, Any]
Days = dict[str, Day]

# Today is asked for, and yesterday around midnight; a week lets people look back. Postgres has older days.
DAYS_KEPT = 8
COUNTS = ("started", "answered", "received", "sent", "failed", "response_microseconds", "response_count")
"""What a day counts. `started`, `answered`: 0 or 1. Whole microseconds, as float sums depend on order."""
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

_ACCURACY = 0.01
# Nobody can tell answers under a millisecond apart, and a logarithm needs more than zero.
_SHORTEST_SECONDS = 0.001
_MAPPING = LogarithmicMapping(_ACCURACY)


def with_counts(days: Days, day: str, **added: int) -> Days:
    """Return the days with counts added to one of them."""
    counts = days.get(day) or dict.fromkeys(COUNTS, 0)
    return {**days, day: {**counts, **{name: counts[name] + count for name, count in added.items()}}}


def with_flag(days: Days, day: str, name: str) -> Days:
    """Return the days with a 0-or-1 count set to 1."""
    counts = days.get(day) or dict.fromkeys(COUNTS, 0)
    return days if counts[name] else {**days, day: {**counts, name: 1}}


def without_flags(days: Days) -> Days:
    """Return the days as for a record that is no conversation of its own."""
    return {day: {**counts, "started": 0, "answered": 0} for day, counts in days.items()}


def with_response(days: Days, day: str, response_microseconds: int) -> Days:
    """Return the days with a response time added to an existing one."""
    counts, key = days[day], bucket(response_microseconds)
    latency = counts.get("latency", {})
    added = {
        "response_microseconds": counts["response_microseconds"] + response_microseconds,
        "response_count": counts["response_count"] + 1,
        "latency": {**latency, key: latency.get(key, 0) + 1},
    }
    return {**days, day: {**counts, **added}}


def oldest_kept(newest: str, kept: int) -> str:
    """Return the oldest of `kept` days that end with `newest`."""
    return (date.fromisoformat(newest) - timedelta(days=kept - 1)).isoformat()


def kept_days(days: Days, oldest: str) -> Days:
    """Return the days from `oldest` on."""
    if all(day >= oldest for day in days):
        return days
    return {day: counts for day, counts in days.items() if day >= oldest}


def bucket(response_microseconds: int) -> str:
    """Return a response time's bucket, as a JSON key."""
    return str(_MAPPING.key(max(_SHORTEST_SECONDS, response_microseconds / MICROSECONDS)))


def quantiles(counts: Mapping[str, int]) -> dict[str, float]:
    """Return p50, p95 and p99 in seconds; 0 if nothing was counted."""
    sketch = DDSketch(_ACCURACY)
    for key, count in counts.items():
        if count > 0:
            sketch.add(_MAPPING.value(int(key)), count)
    return {name: round(sketch.get_quantile_value(share) or 0.0, 3) for name, share in QUANTILES.items()}
