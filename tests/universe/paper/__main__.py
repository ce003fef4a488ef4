"""Explores and prints: `python -m tests.universe.paper`. Exits with 1 if a promise breaks unexpectedly."""

import time

from tests.universe.paper.explore import Found, explore
from tests.universe.paper.model import BUGS, Bounds

BOUNDS = Bounds(keys=(0, 0, 1), workers=2, crashes=2, freezes=1, rebalances=1)
"""Two partitions with three messages. Takes some 5 minutes and 3 GB; CI explores less (`test_paper.py`)."""
_PLANTED = BOUNDS._replace(keys=(0, 0))
"""What breaks in one partition breaks in both together: such a path is one of theirs."""


def main() -> int:
    """Explore the model, each planted version, and the known counterexample."""
    good = True
    found = _timed("never frozen between proof and socket", with_gap=False)
    good &= not found.broken and not found.stuck
    for bug, promise in BUGS.items():
        planted = explore(_PLANTED, bug, with_gap=False, at_first=True)
        seen = next(iter(planted.broken), "something waits for ever" if planted.stuck else "")
        way = next(iter(planted.broken.values()), planted.stuck)
        _say(f"{bug} ({promise}): {seen or 'NOT FOUND'}, {len(way)} steps, {planted.states:,} states")
        good &= bool(seen)
    found = _timed("frozen there, too", with_gap=True)
    good &= bool(found.broken) and not found.stuck
    for promise, way in found.broken.items():
        _say(f"  {promise}: {', '.join(way)}")
    return 0 if good else 1


def _timed(name: str, *, with_gap: bool) -> Found:
    begun = time.process_time()
    found = explore(BOUNDS, with_gap=with_gap)
    outcome = f"{len(found.broken)} promises broken" if found.broken else "every promise holds"
    _say(
        f"{name}: {found.states:,} states, {found.steps:,} steps, "
        f"{time.process_time() - begun:.0f} s: {outcome}"
    )
    return found


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
