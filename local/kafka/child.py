"""A server's process: dies with its parent, belongs to no event loop, and is stopped only by its own PID."""

import asyncio
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
# How late an exit may be noticed; servers take tenths of a second to stop.
_LOOK_SECONDS = 0.05


class Child:
    """A running process.

    It is not asyncio's, because a session fixture starts it in one event loop and stops it in another.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    async def wait(self, seconds: float | None = None) -> int:
        """Wait for the process to end and return its exit code.

        Raises:
            TimeoutError: it is still running.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while (code := self.returncode) is None:
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"process {self.pid} still runs after {seconds} s")
            await asyncio.sleep(_LOOK_SECONDS)
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal; do nothing if the process has ended."""
        self._process.send_signal(number)

    async def end(self, seconds: float, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and send SIGKILL when it takes longer. Return the exit code."""
        self.send(number)
        try:
            return await self.wait(seconds)
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        self.send(signal.SIGKILL)
        return await self.wait()


def start_child(command: Sequence[str], log: Path, death: signal.Signals = signal.SIGTERM) -> Child:
    """Start a process in its own session, with its output appended to `log`. It gets `death` when we die."""

    def prepare() -> None:
        os.setsid()
        _libc.prctl(_PR_SET_PDEATHSIG, death)

    with log.open("ab") as output:
        return Child(
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=prepare
            )
        )
