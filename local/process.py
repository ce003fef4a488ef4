"""Children of `up`: they die with their parent and are stopped only by their own process id."""

import asyncio
import ctypes
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
LOOPBACK = "127.0.0.1"


def _die_with_parent() -> None:
    os.setsid()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def spawn(
    command: Sequence[str], env: Mapping[str, str], log: Path | None = None, *, capture: bool = False
) -> asyncio.subprocess.Process:
    """Start a child in its own session; it gets SIGTERM when this process dies, however it dies."""
    output = log.open("ab") if log else None
    stdout = asyncio.subprocess.PIPE if capture else output
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=output,
            preexec_fn=_die_with_parent,
        )
    finally:
        if output:
            output.close()


async def end(process: asyncio.subprocess.Process, seconds: float) -> int:
    """Send SIGTERM, then SIGKILL when it takes longer; return the exit code."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            process.kill()
    return await process.wait()


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
