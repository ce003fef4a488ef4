"""Planted bugs: `bugs/NAME.patch`, each applied to a copy of the product, never to the product itself.

A patch's first line says which promise it breaks. A second line that begins with `suits:` says in which seeds
this is likely to show: `hunt` plays those of a range first, on the copy, until one breaks a promise.
"""

import math
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.universe.moves import WEIGHTS, drawn
from tests.universe.place import Setting
from tests.universe.vendors import STORMS

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(__file__).parent / "bugs"
_COPIED = (
    "schemas",
    "rules",
    "mailboxes",
    "clients",
    "db",
    "process",
    "streams",
    "web",
    "tests/support",
    "tests/universe",
)
_PLAY = """
import sys
from tests.universe.universe import play
events, *seeds = map(int, sys.argv[1:])
for seed in seeds:
    outcome = play(seed, count=events)
    if outcome.violations:
        print(seed, outcome.violations[0].replace("\\n", " "), flush=True)
        break
"""


@dataclass(frozen=True, slots=True)
class Bug:
    """A planted bug. `promise`: what it breaks, in one sentence."""

    name: str
    patch: Path

    @property
    def promise(self) -> str:
        return self.patch.read_text().partition("\n")[0]

    @property
    def suits(self) -> tuple[str, ...]:
        """Moves that reveal it, moments (`place.ANSWERS`), storms, or settings as `name=value`."""
        second = self.patch.read_text().splitlines()[1]
        return tuple(second.removeprefix("suits: ").split(", ")) if second.startswith("suits: ") else ()


def all_bugs() -> list[Bug]:
    return [Bug(path.stem, path) for path in sorted(FOLDER.glob("*.patch"))]


def named(names: str) -> list[Bug]:
    """Return bugs by their comma-separated names, or all.

    Raises:
        ValueError: there is none with that name.
    """
    known = {bug.name: bug for bug in all_bugs()}
    if names == "all":
        return list(known.values())
    if unknown := sorted(set(names.split(",")) - known.keys()):
        raise ValueError(f"no planted bug is called {unknown[0]!r}; they are: {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def applies(bug: Bug) -> str:
    """Return why a patch no longer applies, or an empty string if it does."""
    done = subprocess.run(
        ["git", "apply", "--check", str(bug.patch)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stderr


def hunt(bug: Bug, first: int, seeds: int, events: int, most: int) -> tuple[int | None, str]:
    """Return a seed that finds a bug, and the promise that it saw broken.

    Play `most` seeds of the range, likely ones first.
    """
    likely = sorted(range(first, first + seeds), key=lambda seed: -_likelihood(bug, seed, events))[:most]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in _COPIED:
            ignored = shutil.ignore_patterns("__pycache__", "bugs")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        (copy / "tests" / "__init__.py").touch()
        subprocess.run(["git", "apply", str(bug.patch)], cwd=copy, check=True)
        while likely:
            done = _played(copy, events, likely)
            if done.returncode:
                return first, f"does not even run: {done.stderr.strip().splitlines()[-1]}"
            seed, _, violation = done.stdout.strip().partition(" ")
            if not seed:
                break
            if not _played(ROOT, events, [int(seed)]).stdout:
                return int(seed), violation
            likely = likely[likely.index(int(seed)) + 1 :]  # it breaks a promise without the bug as well
    return None, ""


def _played(tree: Path, events: int, seeds: Sequence[int]) -> "subprocess.CompletedProcess[str]":
    """Play seeds on a source tree, up to the first that breaks a promise."""
    return subprocess.run(
        [sys.executable, "-c", _PLAY, str(events), *map(str, seeds)],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


# What something that suits a bug counts if a seed lacks it.
_UNLIKELY = 0.05
# How many of one move in a history count as 1, and the most that they may count.
_OFTEN, _MUCH = 10, 2.0


@cache
def _looks(seed: int, events: int) -> tuple[Setting, Counter[str]]:
    return Setting.of(seed, list(STORMS)), Counter(move.name for move in drawn(seed, events))


def _likelihood(bug: Bug, seed: int, events: int) -> float:
    """Return how much a seed looks like one that finds a bug. Without `suits`, each is as good as any."""
    if not bug.suits:
        return 0.0
    setting, names = _looks(seed, events)

    def share(wanted: str) -> float:
        if wanted in WEIGHTS:
            return min(_MUCH, names[wanted] / _OFTEN)
        if wanted in STORMS:
            return float(wanted in setting.storms) * share("storm")
        if "=" in wanted:
            name, _, value = wanted.partition("=")
            return float(str(getattr(setting.settings, name)) == value)
        return float(wanted in setting.answers)

    return math.prod(max(_UNLIKELY, max(map(share, each.split(" or ")))) for each in bug.suits)
