"""Faults on demand: each fires by name with a probability, at most a given number of times."""

import asyncio
import random
from dataclasses import dataclass
from typing import Any

_MS = 1000.0


@dataclass(slots=True)
class Fault:
    """A fault that may fire. The last three fields apply only to kinds that use them."""

    #: From 0 to 1.
    probability: float = 1.0
    #: How often it may still fire; -1 means without limit.
    count: int = -1
    #: Value of the `Retry-After` header.
    retry_after: float | str | None = None
    #: How long it lasts.
    seconds: float | None = None
    #: Bytes of a body.
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
        """Return whether the fault fires now."""
        return self.take(name) is not None

    def take(self, name: str) -> Fault | None:
        """Return the fault if it fires now, else None."""
        fault = self._armed.get(name)
        if fault is None or fault.count == 0 or self._random.random() >= fault.probability:
            return None
        fault.count -= fault.count > 0
        return fault

    def of_stage(self, stage: str) -> list[str]:
        """Return the kinds armed for a stage: `list-500` is kind `500` of stage `list`."""
        return [name.removeprefix(f"{stage}-") for name in self._armed if name.startswith(f"{stage}-")]


@dataclass(slots=True)
class Latency:
    """A delay in milliseconds, uniformly distributed around a mean."""

    mean_ms: float = 0.0
    spread_ms: float = 0.0

    async def wait(self) -> None:
        ms = self.mean_ms + random.uniform(-self.spread_ms, self.spread_ms)
        if ms > 0:
            await asyncio.sleep(ms / _MS)
