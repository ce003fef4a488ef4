"""Planted bugs: `bugs/NAME.patch`, each applied to a copy of the product, never to the product itself.

A patch's first line says which promise it breaks. `hunt` plays seeds on the copy until one breaks a promise.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(__file__).parent / "bugs"
_COPIED = ("schemas", "rules", "mailboxes", "clients", "db", "process", "streams", "web", "tests/support", "tests/universe")
_PLAY = """
import sys
from tests.universe.universe import play
first, seeds, events = map(int, sys.argv[1:])
for seed in range(first, first + seeds):
    outcome = play(seed, count=events)
    if outcome.violations:
        print(seed, outcome.violations[0].replace("\\n", " "))
        break
"""


@dataclass(frozen=True, slots=True)
class Bug:
    """`promise`: what it breaks, a sentence."""

    name: str
    patch: Path

    @property
    def promise(self) -> str:
        return self.patch.read_text().partition("\n")[0]


def all_bugs() -> list[Bug]:
    return [Bug(path.stem, path) for path in sorted(FOLDER.glob("*.patch"))]


def named(names: str) -> list[Bug]:
    """Return bugs by their names, with commas; or all.

    Raises:
        ValueError: there is none of that name.
    """
    known = {bug.name: bug for bug in all_bugs()}
    if names == "all":
        return list(known.values())
    if unknown := sorted(set(names.split(",")) - known.keys()):
        raise ValueError(f"no planted bug is called {unknown[0]!r}; they are: {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def applies(bug: Bug) -> str:
    """Return why a patch cannot be applied any more, empty where it can."""
    done = subprocess.run(
        ["git", "apply", "--check", str(bug.patch)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stderr


def hunt(bug: Bug, first: int, seeds: int, events: int) -> tuple[int | None, str]:
    """Return the first seed that finds a bug, and the promise that it saw broken."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in _COPIED:
            ignored = shutil.ignore_patterns("__pycache__", "bugs")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        (copy / "tests" / "__init__.py").touch()
        subprocess.run(["git", "apply", str(bug.patch)], cwd=copy, check=True)
        done = subprocess.run(
            [sys.executable, "-c", _PLAY, str(first), str(seeds), str(events)],
            cwd=copy, env={"PYTHONPATH": folder, "PATH": ""}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        return first, f"does not even run: {done.stderr.strip().splitlines()[-1]}"
    seed, _, violation = done.stdout.strip().partition(" ")
    return (int(seed), violation) if seed else (None, "")
