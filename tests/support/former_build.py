"""The build whose schema had version 0020, out of the project's own history."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.up import ROOT

COMMIT = "2ef9f8c"
_SECONDS = 60


def checkout(folder: Path) -> Path:
    """Return a folder with that build's sources. Skips the test where the history was not brought along."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", COMMIT], capture_output=True, check=False, timeout=_SECONDS)
    if archive.returncode:
        pytest.skip(f"commit {COMMIT} is not in this checkout's history")
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True, timeout=_SECONDS)
    return folder


@asynccontextmanager
async def running(
    sources: Path, command: str, env: Mapping[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of that build's commands; what is left of it in the end is killed."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", command),
            cwd=sources,
            env={**env, "PYTHONPATH": str(sources)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
