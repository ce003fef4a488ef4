"""Response times as a mergeable sketch: counts by logarithmic bucket, whose quantiles are right to 1 %. Pure.

A bucket's count is an integer in a JSON object, so sketches of records add up in any order and can be taken out again;
buckets and quantiles are those of Datadog's DDSketch.
"""

from collections.abc import Mapping

from ddsketch import DDSketch
from ddsketch.mapping import LogarithmicMapping

from streams.stats.times import MICROSECONDS

_ACCURACY = 0.01
# Nobody tells answers under a millisecond apart, and a logarithm needs more than nothing.
_SHORTEST_SECONDS = 0.001
_MAPPING = LogarithmicMapping(_ACCURACY)
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def bucket(response_microseconds: int) -> str:
    """Give a response time's bucket, as a key of JSON."""
    return str(_MAPPING.key(max(_SHORTEST_SECONDS, response_microseconds / MICROSECONDS)))


def quantiles(counts: Mapping[str, int]) -> dict[str, float]:
    """Give p50, p95 and p99 in seconds; 0 where nothing was counted."""
    sketch = DDSketch(_ACCURACY)
    for key, count in counts.items():
        if count > 0:
            sketch.add(_MAPPING.value(int(key)), count)
    return {name: round(sketch.get_quantile_value(share) or 0.0, 3) for name, share in QUANTILES.items()}
