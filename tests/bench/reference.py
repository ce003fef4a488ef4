"""A loop that means the same on every machine: costs are given as multiples of its CPU time in the same run.

It does what the service's processes do most: JSON, hashes, short strings, dictionaries. On the machine of
RESULTS.md it takes a quarter of a millisecond.
"""

import asyncio
import hashlib
import hmac
import json
import time

_ROUNDS = 30
# Often enough to meet the same disturbances as the load, at half a percent of a core.
_EVERY_SECONDS = 0.2
_DOCUMENT = {
    "event_id": "SM0123456789abcdef",
    "params": {f"Name{number}": f"value {number}" for number in range(14)},
}


def reference_seconds() -> float:
    """Run the loop once; return its CPU seconds."""
    begun = time.thread_time()
    for number in range(_ROUNDS):
        text = json.dumps(_DOCUMENT | {"number": number})
        parsed = json.loads(text)
        hmac.new(b"key", text.encode(), hashlib.sha1).digest()
        _ = "".join(f"{name}{value}" for name, value in sorted(parsed["params"].items()))
    return time.thread_time() - begun


async def sample(found: list[float]) -> None:
    """Record the loop's CPU seconds again and again, until cancelled."""
    while True:
        found.append(reference_seconds())
        await asyncio.sleep(_EVERY_SECONDS)
