"""Prints what is explored: `python -m tests.universe.paper`. Exits 1 where a promise breaks that is not known to."""

import time

from tests.universe.paper.explore import Found, explore
from tests.universe.paper.model import BUGS, Bounds

BOUNDS = Bounds(keys=(0, 0), crashes=2, freezes=1, rebalances=1)
"""Of the partition with two messages; the one with one message is within them."""


def main() -> int:
    """Explore the model, its known counterexample, and each planted version."""
    good = True
    for name, bounds in (("two messages", BOUNDS), ("one message", BOUNDS._replace(keys=(0,)))):
        found = _timed(f"{name}, never frozen between proof and socket", bounds, with_gap=False)
        good &= not found.broken and not found.stuck
    found = _timed("two messages, frozen there, too", BOUNDS, with_gap=True)
    good &= bool(found.broken) and not found.stuck
    for promise, way in found.broken.items():
        _say(f"  {promise}: {', '.join(way)}")
    for bug, promise in BUGS.items():
        planted = explore(BOUNDS, bug, with_gap=False, at_first=True)
        seen = next(iter(planted.broken), "something waits for ever" if planted.stuck else "")
        way = next(iter(planted.broken.values()), planted.stuck)
        _say(f"{bug} ({promise}): {seen or 'NOT FOUND'}, {len(way)} steps, {planted.states} states")
        good &= bool(seen)
    return 0 if good else 1


def _timed(name: str, bounds: Bounds, *, with_gap: bool) -> Found:
    begun = time.monotonic()
    found = explore(bounds, with_gap=with_gap)
    outcome = f"{len(found.broken)} promises broken" if found.broken else "every promise holds"
    _say(f"{name}: {found.states} states, {found.steps} steps, {time.monotonic() - begun:.0f} s: {outcome}")
    return found


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
