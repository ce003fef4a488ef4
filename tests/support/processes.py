"""The service's processes as children, configured by their environment alone."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from local.process import end, free_port, spawn

Process = asyncio.subprocess.Process

PORTS = {"web": "PORT", "worker": "WORKER_PORT", "stats-worker": "STATS_PORT"}
"""The variable of each process's port."""

ALL = tuple(PORTS)


def environment(database_url: str, kafka: str, **over: object) -> dict[str, str]:
    """Return what all three need, and of the tests' environment only what the embedded broker needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "KAFKA_EMBEDDED") if name in os.environ}
    service = {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "MICROSERVICE_TOKEN": "service-token",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "12345",
        "ELEVENLABS_API_KEY": "key",
        "TWILIO_API_BASE_URL": "http://127.0.0.1:9",
        "ELEVENLABS_API_BASE_URL": "http://127.0.0.1:9",
        "START_WAIT_SECONDS": "1",
        **{variable: str(free_port()) for variable in PORTS.values()},
    }
    return kept | service | {name: str(value) for name, value in over.items()}


@asynccontextmanager
async def running(command: str, env: dict[str, str], log: Path, *options: str) -> AsyncIterator[Process]:
    """Run a command of the program, and kill it if it is still running in the end."""
    process = await spawn([sys.executable, "-m", "cli", command, *options], env, log)
    try:
        yield process
    finally:
        await end(process, 0)


async def code_of(process: Process, seconds: float = 30.0) -> int:
    """Wait for a process to end; return its exit code."""
    async with asyncio.timeout(seconds):
        return await process.wait()
