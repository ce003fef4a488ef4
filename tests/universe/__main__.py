"""Plays seeds: `python -m tests.universe --seeds 2000 --from 4001`.

With `--bugs all`, or some by name, it plants bugs instead.
"""

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.universe import catalogue
from tests.universe.moves import drawn
from tests.universe.results import Played
from tests.universe.shrink import as_test, shrink
from tests.universe.universe import Outcome, play

_MOST_SEEDS = 10_000_000
_MOST_EVENTS = 100_000


def main(arguments: Sequence[str]) -> int:
    """Return 0 if every promise held, 1 if one did not, 2 for options that cannot be read."""
    try:
        options = _options(arguments)
        bugs = catalogue.named(options.bugs) if options.bugs else []
    except ValueError as error:
        print(f"universe: {error}", file=sys.stderr)  # noqa: T201
        return 2
    if bugs:
        return _hunt(bugs, options)
    return _play(options)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise ValueError(message)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m tests.universe", description=__doc__)
    parser.add_argument(
        "--seeds", type=_between("--seeds", 1, _MOST_SEEDS), default=200, help="how many are played"
    )
    parser.add_argument(
        "--from", dest="first", type=_between("--from", 0, 2**63), default=1, help="the first one"
    )
    parser.add_argument(
        "--events", type=_between("--events", 1, _MOST_EVENTS), default=200, help="moves of a history"
    )
    parser.add_argument("--processes", type=_between("--processes", 1, 64), default=1)
    parser.add_argument(
        "--bugs", default="", help="plant bugs one by one, and say which seed finds each: all, or names"
    )
    parser.add_argument(
        "--plays", type=_between("--plays", 1, _MOST_SEEDS), default=_MOST_SEEDS, help="most for one bug"
    )
    parser.add_argument("--record", action="store_true", help="add the range to RESULTS.md")
    parser.add_argument("--trace", action="store_true", help="print all that happened; for one seed")
    parser.add_argument("--no-shrink", action="store_true", help="do not shorten a history that fails")
    return parser.parse_args(arguments)


def _between(name: str, least: int, most: int) -> object:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return read


def outcomes(seeds: Iterable[int], events: int, processes: int) -> Iterator[Outcome]:
    """Play seeds, several at once if there are processes for it."""
    one = partial(play, count=events)
    if processes == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(one, seeds, chunksize=5)


def _play(options: argparse.Namespace) -> int:
    begun, counts, failed, hashes = time.monotonic(), Counter[str](), list[Outcome](), list[str]()
    for outcome in outcomes(
        range(options.first, options.first + options.seeds), options.events, options.processes
    ):
        counts += outcome.counts
        hashes.append(outcome.hash)
        if options.trace:
            _say("\n".join(outcome.lines))
        if outcome.violations:
            failed.append(outcome)
            _tell(outcome, options)
    played = Played(
        first=options.first,
        seeds=options.seeds,
        events=options.events,
        failed=tuple(each.seed for each in failed),
        seconds=time.monotonic() - begun,
        counts=counts,
        hashes=tuple(hashes),
    )
    _say(played.told())
    if options.record:
        played.record()
    return 1 if failed else 0


def _tell(outcome: Outcome, options: argparse.Namespace) -> None:
    """Print what a seed has broken, and its history as short as it gets."""
    _say(f"seed {outcome.seed} (trace {outcome.hash}):")
    for violation in outcome.violations:
        _say(f"  {violation}")
    moves = drawn(outcome.seed, options.events)
    if not options.no_shrink:
        moves = shrink(outcome, moves)
    _say(as_test(outcome.seed, moves, outcome.violations[0]))


def _hunt(bugs: Sequence[catalogue.Bug], options: argparse.Namespace) -> int:
    found = 0

    def one(bug: catalogue.Bug) -> tuple[int | None, str]:
        return catalogue.hunt(bug, options.first, options.seeds, options.events, options.plays)

    with ThreadPoolExecutor(options.processes) as pool:
        for bug, (seed, violation) in zip(bugs, pool.map(one, bugs), strict=True):
            found += seed is not None
            _say(
                f"| {bug.name} | {bug.promise} | {'not found' if seed is None else seed} "
                f"| {violation[:110]} |"
            )
    _say(f"{found} of {len(bugs)} found in seeds {options.first} to {options.first + options.seeds - 1}")
    return 0 if found == len(bugs) else 1


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except (KeyboardInterrupt, subprocess.CalledProcessError) as stopped:
        raise SystemExit(f"universe: {type(stopped).__name__} {Path(__file__).name}") from stopped
