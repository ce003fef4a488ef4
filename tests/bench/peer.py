"""`make bench PEER=DIR`: the service beside the alternative users would pick, in one sitting, by its driver.

DIR holds `compare.mjs`, which plays a load on the peer and then on this project, and leaves a report of each
run. It needs Node 20 and Debian's `postgresql` and `redis-server`.
"""

import json
import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tests.bench.beside import ROWS, Report, report_of
from tests.bench.results import keep_beside, write_results
from tests.bench.world import SETTINGS


def main(
    peer: Annotated[Path, typer.Argument(help="The folder of `compare.mjs`.", exists=True, file_okay=False)],
    only: Annotated[str, typer.Option(help="Names of rows, separated by commas; empty: all.")] = "",
    runs: Annotated[int, typer.Option(help="Runs of each side of each row.", min=1)] = 3,
    work: Annotated[Path, typer.Option(help="Where both sides run; emptied before.")] = Path(".data/peer"),
    write: Annotated[bool, typer.Option(help="Put the figures into RESULTS.md.")] = True,
) -> None:
    """Play both sides, keep the reports and write the results."""
    names = [name for name in only.split(",") if name] or list(ROWS)
    if unknown := set(names) - set(ROWS):
        raise typer.BadParameter(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(ROWS)}")
    for name in names:
        reports = _played(peer.absolute(), work.absolute(), name, runs)
        if write:
            keep_beside(name, [asdict(each) for each in reports])
            write_results(SETTINGS)


def _played(peer: Path, work: Path, name: str, runs: int) -> list[Report]:
    """Play both sides of a row in an empty folder: the peer's Postgres does not survive a second start."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    work.chmod(0o755)  # Debian's Postgres runs as its own user
    command = ["node", str(peer / "compare.mjs"), "--project", os.getcwd(), "--work", str(work)]
    subprocess.run([*command, "--only", name, "--repeat", str(runs)], check=True)
    found = [(path.name.partition("-")[0], path) for path in sorted(work.glob(f"*-{name}-*.json"))]
    return [report_of(side, json.loads(path.read_text())) for side, path in found]


typer.run(main)
