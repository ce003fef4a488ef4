"""Keeps the service's processes running: one that dies, or stays unready, is started again."""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import structlog

from local.process import end, spawn
from schemas.documents import parse_object
from schemas.errors import InvalidInput

log = structlog.get_logger()

_LOOK_SECONDS = 0.3
_PROBE_SECONDS = 2.0
# A process that cannot start is not tried in a tight loop.
_RESTART_SECONDS = 1.0
# Longer than a rebalance with its drain; after this it is better to restart a stuck process.
_LONGEST_UNREADY_SECONDS = 90.0
_CONFIGURATION_ERROR = 2


@dataclass(slots=True)
class Supervised:
    """One process: its command, and the port of its `/ready`."""

    name: str
    command: str
    port: int
    variable: str
    process: asyncio.subprocess.Process | None = None
    ready_at: float = field(default_factory=time.monotonic)
    ready: bool = False


class Supervisor:
    """Starts, watches and stops the service's processes."""

    def __init__(self, env: dict[str, str], log_dir: Path) -> None:
        self._env = env
        self._log_dir = log_dir
        self._all: list[Supervised] = []
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, command: str, port: int, variable: str, name: str | None = None) -> None:
        """Start a process and keep it running."""
        supervised = Supervised(name or command, command, port, variable)
        self._all.append(supervised)
        self._tasks.append(asyncio.create_task(self._keep(supervised), name=f"supervise {supervised.name}"))

    def pids(self) -> dict[str, int]:
        return {each.name: each.process.pid for each in self._all if each.process}

    def running(self) -> dict[str, bool]:
        """Return whether each process is running."""
        return {each.name: each.process is not None and each.process.returncode is None for each in self._all}

    def kill(self, name: str) -> None:
        """End a process as `kill -9` does; it is started again a moment later."""
        process = next((each.process for each in self._all if each.name == name), None)
        if process is not None and process.returncode is None:
            process.kill()

    def ports(self, command: str) -> list[int]:
        """Return the ports of the views of one kind of process."""
        return [each.port for each in self._all if each.command == command]

    async def ready(self, seconds: float) -> None:
        """Wait until all are ready.

        Raises:
            RuntimeError: one cannot start (says why), or was not ready in time (says where the logs are).
        """
        end_at = time.monotonic() + seconds
        while not all(each.ready for each in self._all):
            dead = next((task for task in self._tasks if task.done()), None)
            if dead is not None:
                dead.result()
            if time.monotonic() > end_at:
                late = ", ".join(each.name for each in self._all if not each.ready)
                raise RuntimeError(
                    f"not ready after {seconds:.0f} s: {late}; see the logs in {self._log_dir}"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    async def watch(self) -> None:
        """Wait until one cannot be kept running, which must have been added before.

        Raises:
            RuntimeError: it cannot start again (says why).
        """
        ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()

    async def stop(self, seconds: float) -> None:
        """Stop all: first web, so that nothing new comes, then the workers, all together."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        gateways = [each.process for each in self._all if each.process and each.command == "web"]
        others = [each.process for each in self._all if each.process and each.command != "web"]
        for group in (gateways, others):
            await asyncio.gather(*(end(process, seconds) for process in group))

    async def _keep(self, each: Supervised) -> None:
        async with httpx.AsyncClient(timeout=_PROBE_SECONDS) as client:
            while True:
                env = self._env | {each.variable: str(each.port)}
                log_file = self._log_dir / f"{each.name}.log"
                each.process = await spawn([sys.executable, "-m", "cli", each.command], env, log_file)
                each.ready_at = time.monotonic()
                await self._watch(each, client)
                if each.process.returncode == _CONFIGURATION_ERROR:
                    last = log_file.read_text().strip().splitlines()[-1:]
                    raise RuntimeError(f"{each.name} cannot start: {' '.join(last)}")
                log.warning(
                    "process ended and is started again", process=each.name, code=each.process.returncode
                )
                await asyncio.sleep(_RESTART_SECONDS)

    async def _watch(self, each: Supervised, client: httpx.AsyncClient) -> None:
        """Watch a process until it has ended."""
        assert each.process is not None, "started before"
        while each.process.returncode is None:
            answer = await _ready(client, each.port)
            now = time.monotonic()
            each.ready = answer is not None and answer.is_success
            each.ready_at = each.ready_at if restart_may_help(answer) else now
            if now - each.ready_at > _LONGEST_UNREADY_SECONDS:
                log.error("process stays unready and is killed", process=each.name)
                each.process.kill()
            await asyncio.sleep(_LOOK_SECONDS)
        each.ready = False


async def _ready(client: httpx.AsyncClient, port: int) -> httpx.Response | None:
    try:
        return await client.get(f"http://127.0.0.1:{port}/ready")
    except httpx.HTTPError:
        return None


def restart_may_help(answer: httpx.Response | None) -> bool:
    """Return whether to restart a process that answers `/ready` like this, or not at all (None). Pure.

    A worker knows when it is held up by work on which a new start would fail as well.
    """
    if answer is None:
        return True
    return not answer.is_success and _told(answer).get("restart_helps") is not False


def _told(answer: httpx.Response) -> dict[str, Any]:
    """Return what an answer says; nothing where it is not our view's, as while another has the port."""
    try:
        return parse_object(answer.content)
    except InvalidInput:
        return {}
