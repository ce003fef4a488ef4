"""The numbers at a chart's axis. Pure."""

from itertools import count

_MOST_MARKS = 5


def marks(most: float) -> list[int]:
    """Return whole numbers, round ones, few, the last at least `most`."""
    steps = (digit * 10**power for power in count() for digit in (1, 2, 5))
    step = next(step for step in steps if step * _MOST_MARKS >= most)
    return list(range(0, int(-(-max(most, 1) // step)) * step + 1, step))
