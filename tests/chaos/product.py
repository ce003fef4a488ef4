"""The product's processes: started by their commands, restarted as by a supervisor, broken by signals."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import aiohttp

from local.process import spawn

Process = asyncio.subprocess.Process

# A worker joins its group in a few seconds; on a machine with every core busy, in ten times that.
_READY_SECONDS = 90.0
_LOOK_SECONDS = 0.1
_PROBE = aiohttp.ClientTimeout(total=2)
# As in the supervisor of `up`: a process that cannot start is not retried in a tight loop.
_RESTART_SECONDS = 1.0


class Product:
    """A process of the product that is started again when it ends by itself.

    `command` is web, worker, …; `module` is the program that it belongs to.
    """

    def __init__(
        self, name: str, command: str, port: int, env: dict[str, str], folder: Path, module: str = "cli"
    ) -> None:
        self.name = name
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / f"{name}.log"
        self.wanted = False
        self.own_ends: list[int] = []
        #: `_process` is the one before, whose end somebody else saw.
        self._is_starting = False
        self._command = [sys.executable, "-m", module, command]
        self._env = env
        self._process: Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and keep it running, without waiting until it is ready."""
        self.wanted = self._is_starting = True
        try:
            self._process = await spawn(self._command, self._env, self.log)
        finally:
            self._is_starting = False
        if self._watch is None:
            self._watch = asyncio.create_task(self._supervise(), name=f"supervise {self.name}")

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            process, is_watched = self._process, self.wanted and not self._is_starting
            if is_watched and process is not None and process.returncode is not None:
                self.own_ends.append(process.returncode)
                await asyncio.sleep(_RESTART_SECONDS)
                if self.wanted and self._process is process:
                    await self.start()

    @property
    def process(self) -> Process:
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    async def kill(self) -> None:
        """Send SIGKILL; it stays down until `start`."""
        self.wanted = False
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def term(self, seconds: float) -> tuple[int | None, float]:
        """Send SIGTERM; return exit code and duration. A code of None: it took too long and was killed."""
        self.wanted = False
        begun = time.monotonic()
        self.process.terminate()
        try:
            async with asyncio.timeout(seconds):
                code: int | None = await self.process.wait()
        except TimeoutError:
            code = None
            await self.kill()
        return code, time.monotonic() - begun

    def pause(self) -> None:
        """Send SIGSTOP, as if the machine stood still."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until `/ready` says so.

        Raises:
            TimeoutError: it is not ready in time.
        """
        async with asyncio.timeout(seconds):
            while not await self.is_ready():
                await asyncio.sleep(_LOOK_SECONDS)

    async def is_ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=_PROBE) as session,
                session.get(f"{self.url}/ready") as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def close(self) -> None:
        """End it and its supervision."""
        if self._watch is not None:
            self._watch.cancel()
        if self._process is not None:
            await self.kill()


def tree_signal(pid: int, number: signal.Signals) -> None:
    """Signal a process and its children, for servers that consist of several processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for each in [pid, *map(int, children)]:
        try:
            os.kill(each, number)
        except ProcessLookupError:
            continue
