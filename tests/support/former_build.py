"""The build whose schema had version 0020, taken from the project's own history."""

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
    """Return a folder with that build's sources; skip the test if the checkout lacks the history."""
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", COMMIT], capture_output=True, check=False, timeout=_SECONDS
    )
    if archive.returncode:
        pytest.skip(f"commit {COMMIT} is not in this checkout's history")
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True, timeout=_SECONDS)
    return folder


@asynccontextmanager
async def running(
    sources: Path, command: str, env: Mapping[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of that build's commands, and kill it if it is still running in the end."""
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
