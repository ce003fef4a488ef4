"""How long a simulated vendor takes."""

import asyncio
import random
from dataclasses import dataclass

_MS = 1000.0


@dataclass(slots=True)
class Latency:
    """Mean and spread in milliseconds, evenly distributed."""

    mean_ms: float = 0.0
    spread_ms: float = 0.0

    async def wait(self) -> None:
        ms = self.mean_ms + random.uniform(-self.spread_ms, self.spread_ms)
        if ms > 0:
            await asyncio.sleep(ms / _MS)
