"""Faults on demand: each name fires with a probability, at most a number of times."""

import random
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Fault:
    """`probability` 0..1; `count`: how often it may still fire, -1 without end."""

    probability: float = 1.0
    count: int = -1


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
        """Tell whether a fault happens now."""
        fault = self._armed.get(name)
        if fault is None or fault.count == 0 or self._random.random() >= fault.probability:
            return False
        fault.count -= fault.count > 0
        return True
