"""What processing a text may cost: a bound per character, in steps of the machine it runs on.

A step is one round of an empty loop, some 20 ns. Only the process's own CPU time counts, not that of others.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

# Small first, so that cubic work fails before it takes minutes.
_SIZES = (500, 2_000, 8_000, 20_000)
_ROUNDS = 50_000
# A change of the CPU's frequency or a page fault spoils one measurement, not all.
_MEASUREMENTS = 5


def assert_within_budget(
    work: Callable[[str], object], repeated: str, *, steps: int, sizes: Sequence[int] = _SIZES
) -> None:
    """Check that work on a text made of `repeated` costs at most `steps` a character, however long it is."""
    for size in sizes:
        text = repeated * (size // len(repeated) or 1)
        spent = _least_steps(partial(work, text), enough=steps * len(text))
        a_character = spent / len(text)
        assert a_character <= steps, f"{a_character:.0f} steps a character at {len(text)} of {repeated!r}"


def _least_steps(work: Callable[[], object], enough: int) -> float:
    spent = float("inf")
    with _without_collector():
        for _ in range(_MEASUREMENTS):
            spent = min(spent, _seconds(work) / _step_seconds())
            if spent <= enough:
                break
    return spent


def _step_seconds() -> float:
    def steps() -> None:
        for _ in range(_ROUNDS):
            pass

    return max(_seconds(steps), 1e-4) / _ROUNDS


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the collector from looking at all that the test run made so far: this work does not cost that."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
