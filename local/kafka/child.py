"""A server's process: dies with its parent, belongs to no event loop, and is ended by its own id only."""

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
# Ends are noticed this late; servers take tenths of a second to stop.
_LOOK_SECONDS = 0.05


class Child:
    """A running process. Not asyncio's: a session's fixture starts it in one event loop and stops it in another."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    async def wait(self, seconds: float | None = None) -> int:
        """Wait for the end and give the exit code.

        Raises:
            TimeoutError: it still runs.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while (code := self.returncode) is None:
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"process {self.pid} still runs after {seconds} s")
            await asyncio.sleep(_LOOK_SECONDS)
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it has ended."""
        self._process.send_signal(number)

    async def end(self, seconds: float, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask to stop; SIGKILL when it takes longer. Gives the exit code."""
        self.send(number)
        try:
            return await self.wait(seconds)
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        self.send(signal.SIGKILL)
        return await self.wait()


def start_child(command: Sequence[str], log: Path, death: signal.Signals = signal.SIGTERM) -> Child:
    """Start a process in a session of its own, its output appended to `log`; `death` is what it gets when we die."""

    def prepare() -> None:
        os.setsid()
        _libc.prctl(_PR_SET_PDEATHSIG, death)

    with log.open("ab") as output:
        return Child(
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=prepare
            )  # fmt: skip
        )
