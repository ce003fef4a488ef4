"""The health of the event loop: a late one makes everything late, and is seen nowhere else."""

import asyncio
import time
from collections.abc import Callable

from prometheus_client import Histogram

_DELAY = Histogram(
    "whatsapp_loop_delay_seconds",
    "How late the event loop comes to what is due.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
# Often enough to meet a delay of half a second, seldom enough to cost nothing.
_LOOK_EVERY_SECONDS = 0.5


async def watch_loop(
    look_every_seconds: float = _LOOK_EVERY_SECONDS, clock: Callable[[], float] = time.monotonic
) -> None:
    """Measure, until cancelled, how late the loop is."""
    while True:
        due = clock() + look_every_seconds
        await asyncio.sleep(look_every_seconds)
        _DELAY.observe(max(0.0, clock() - due))
