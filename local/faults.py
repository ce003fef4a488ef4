"""Faults on demand: each name fires with a probability, at most a number of times."""

import asyncio
import random
from dataclasses import dataclass
from typing import Any

_MS = 1000.0


@dataclass(slots=True)
class Fault:
    """`probability` 0..1; `count`: how often it may still fire, -1 without end.

    What it says when it fires, where that fits: `retry_after`: value of that header; `seconds`: how long it lasts;
    `size`: bytes of a body.
    """

    probability: float = 1.0
    count: int = -1
    retry_after: float | str | None = None
    seconds: float | None = None
    size: int | None = None


class Faults:
    """The armed faults of one simulator."""

    def __init__(self) -> None:
        self._armed: dict[str, Fault] = {}
        self._random = random.Random()

    def arm(self, wanted: dict[str, dict[str, Any]]) -> None:
        """Arm faults by name; `{"name": {"probability": 0.02}}`, `{"name": {"count": 1}}`."""
        self._armed.update({name: Fault(**options) for name, options in wanted.items()})

    def clear(self) -> None:
        self._armed.clear()

    def fires(self, name: str) -> bool:
        """Return whether a fault happens now."""
        return self.take(name) is not None

    def take(self, name: str) -> Fault | None:
        """Return the fault that happens now, if it does."""
        fault = self._armed.get(name)
        if fault is None or fault.count == 0 or self._random.random() >= fault.probability:
            return None
        fault.count -= fault.count > 0
        return fault

    def of_stage(self, stage: str) -> list[str]:
        """Return the kinds armed for a stage: of `list-500` it is `500`."""
        return [name.removeprefix(f"{stage}-") for name in self._armed if name.startswith(f"{stage}-")]


@dataclass(slots=True)
class Latency:
    """Mean and spread in milliseconds, evenly distributed."""

    mean_ms: float = 0.0
    spread_ms: float = 0.0

    async def wait(self) -> None:
        ms = self.mean_ms + random.uniform(-self.spread_ms, self.spread_ms)
        if ms > 0:
            await asyncio.sleep(ms / _MS)
