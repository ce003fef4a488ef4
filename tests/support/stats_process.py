"""A stats worker as a separate process, to be asked, killed and restarted.

Run as a module, this file is that process.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support import http
from tests.support.deadline import eventually

TOKEN = "token-of-the-tests"
_STOP_SECONDS = 20.0
# Recovery after kill -9 begins when the broker gives the dead member up (6 s); joining takes a few more.
_READY_SECONDS = 60.0
_LOOK_SECONDS = 0.2


@dataclass
class StatsProcess:
    """One stats worker and its views."""

    env: dict[str, str]
    port: int
    log: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.stats_process"]
        env = {**os.environ, **self.env, "STATS_PORT": str(self.port), "MICROSERVICE_TOKEN": TOKEN}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(*command, env=env, stdout=log, stderr=log)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Send SIGTERM; return the exit code."""
        assert self.process is not None
        self.process.terminate()
        async with asyncio.timeout(_STOP_SECONDS):
            return await self.process.wait()

    async def get(self, path: str, token: str | None = TOKEN, accept: str = "*/*") -> httpx.Response | None:
        """Request a view. None while nobody listens."""
        headers = {"Accept": accept} | ({"X-Service-Token": token} if token else {})
        try:
            async with httpx.AsyncClient(verify=http.NO_CERTIFICATES, timeout=5) as client:
                return await client.get(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        except httpx.TransportError:
            return None

    async def ready(self) -> None:
        async def look() -> bool:
            assert self.process is not None
            assert self.process.returncode is None, self.log.read_text()[-3000:]
            response = await self.get("/ready")
            return response is not None and response.status_code == 200

        await eventually(look, _READY_SECONDS)

    async def figures(self) -> dict[str, Any] | None:
        """Return `/stats`, or None while it is not available."""
        response = await self.get("/stats")
        if response is None:
            return None
        if response.status_code == 503:
            assert response.headers.get("Retry-After")
            return None
        assert response.status_code == 200, response.text
        stats: dict[str, Any] = response.json()["stats"]
        return stats


@asynccontextmanager
async def never_partial(workers: Sequence[StatsProcess], **expected: object) -> AsyncIterator[None]:
    """Check all the time that every worker's figures, whenever it has some, are right."""
    stop = asyncio.Event()

    async def look(worker: StatsProcess) -> int:
        seen = 0
        while not stop.is_set():
            if (found := await worker.figures()) is not None:
                assert {name: found[name] for name in expected} == expected
                seen += 1
            await _unless(stop)
        return seen

    looking = [asyncio.create_task(look(worker)) for worker in workers]
    try:
        yield
    finally:
        stop.set()
        assert sum(await asyncio.gather(*looking)) > 0


async def _unless(stop: asyncio.Event) -> None:
    """Wait for the stop or the next look, to spare a busy machine."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)


def main() -> int:
    """Run the worker with the process's environment."""
    from cli.logs import configure_logs
    from schemas.settings import load_settings
    from streams.stats.run import run

    settings = load_settings()
    configure_logs(settings)
    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
