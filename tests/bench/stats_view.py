"""`GET /api/stats` under steady requests: how long answers take, and what they cost Postgres."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg

from local.process import free_port
from tests.support.deadline import eventually
from tests.support.stats_process import TOKEN, StatsProcess

_HEADERS = {"X-Service-Token": TOKEN}
# The address of vendors that are never called: nobody listens there.
_NOBODY = "http://127.0.0.1:9"
_STOP_SECONDS = 30.0


@asynccontextmanager
async def web(env: dict[str, str], worker: StatsProcess, log: Path) -> AsyncIterator[str]:
    """Run `web` in front of a stats worker; yield the address of `/api/stats`."""
    port = free_port()
    vendors = {"TWILIO_ACCOUNT_SID": "ACtest", "TWILIO_AUTH_TOKEN": "test", "ELEVENLABS_API_KEY": "test"}
    own = {"PORT": str(port), "STATS_URL": f"http://127.0.0.1:{worker.port}", "MICROSERVICE_TOKEN": TOKEN}
    hosts = {"TWILIO_API_BASE_URL": _NOBODY, "ELEVENLABS_API_BASE_URL": _NOBODY}
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli",
            "web",
            env={**os.environ, **env, **vendors, **hosts, **own},
            stdout=file,
            stderr=file,
        )
    url = f"http://127.0.0.1:{port}/api/stats"

    async def answers() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(url, headers=_HEADERS) as response:
                return response.status == 200 and (await response.json())["source"] == "tables"
        except aiohttp.ClientError:
            return False

    try:
        await eventually(answers, 60.0)
        yield url
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)


async def ask(url: str, a_second: int, seconds: float) -> list[float]:
    """Request at a steady rate, however long answers take; return each one's seconds since it was due."""
    took: list[float] = []

    async def one(session: aiohttp.ClientSession, due: float) -> None:
        async with session.get(url, headers=_HEADERS) as response:
            body = await response.json()
        assert (response.status, body["source"]) == (200, "tables")
        took.append(time.monotonic() - due)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        begun = time.monotonic()
        for place in range(int(a_second * seconds)):
            due = begun + place / a_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(one(session, due))
    return sorted(took)


async def statements(database: str) -> int:
    """Return how many transactions Postgres has ended in the database."""
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        found: int = await connection.fetchval(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
    finally:
        await connection.close()
    return found
