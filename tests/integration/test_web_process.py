"""The gateway as a process: its signals, its exit codes, its start while other parts are away."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from db.pool import Pool
from local.kafka.server import free_port
from local.process import end, spawn
from tests.support.deadline import eventually
from tests.support.gateway import AUTH, TOKEN, TWILIO_TOKEN, call, message, signed

Process = asyncio.subprocess.Process


def _environment(database_url: str, **over: object) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    service = {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "MICROSERVICE_TOKEN": TOKEN,
        "TWILIO_AUTH_TOKEN": TWILIO_TOKEN,
        "OUTCOME_WAIT_SECONDS": "5",
        "STATS_URL": "http://127.0.0.1:9",
        "PORT": str(free_port()),
    }
    return kept | service | {name: str(value) for name, value in over.items()}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "web.log"


@asynccontextmanager
async def process(env: dict[str, str], log: Path) -> AsyncIterator[Process]:
    running = await spawn([sys.executable, "-m", "cli", "web"], env, log)
    try:
        yield running
    finally:
        await end(running, 0)


@asynccontextmanager
async def serving(env: dict[str, str], log: Path) -> AsyncIterator[tuple[Process, aiohttp.ClientSession]]:
    async with (
        process(env, log) as running,
        aiohttp.ClientSession(f"http://127.0.0.1:{env['PORT']}") as client,
    ):

        async def is_ready() -> bool:
            try:
                return (await client.get("/ready")).status == 200
            except aiohttp.ClientConnectionError:
                return False

        await eventually(is_ready)
        yield running, client


async def test_it_serves_without_kafka_and_ends_gracefully(pool: Pool, database_url: str, log: Path) -> None:
    env = _environment(database_url)
    async with serving(env, log) as (running, client):
        health = await client.get("/health")
        body = await health.json()
        assert (health.status, body["status"]) == (200, "degraded")
        assert body["dependencies"] == {
            "database": "connected",
            "kafka": "disconnected",
            "twilio": "error",
            "elevenlabs": "error",
        }
        path = "/webhook/twilio/incoming"
        headers = signed(path, message(), f"http://127.0.0.1:{env['PORT']}")
        assert (await client.post(path, data=message(), headers=headers)).status == 200
        waiting = asyncio.create_task(client.post("/api/call-completed", json=call(), headers=AUTH))

        async def both_are_spooled() -> bool:
            return int(await pool.fetchval("SELECT count(*) FROM conversation_spool")) == 2

        await eventually(both_are_spooled)
        running.send_signal(signal.SIGTERM)
        assert (await waiting).status == 202  # what was under way was finished
        assert await asyncio.wait_for(running.wait(), 15) == 0
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.get("/live")


@pytest.mark.parametrize(
    ("over", "named"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"KAFKA_BOOTSTRAP_SERVERS": ""}, "KAFKA_BOOTSTRAP_SERVERS"),
        ({"STATS_TIMEZONE": "Nowhere/Never"}, "STATS_TIMEZONE"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:port/x"}, "DATABASE_URL"),
    ],
)
async def test_a_configuration_error_is_one_line_and_exit_2(
    database_url: str, log: Path, over: dict[str, str], named: str
) -> None:
    async with process(_environment(database_url) | over, log) as running:
        assert await asyncio.wait_for(running.wait(), 20) == 2
        assert "Traceback" not in log.read_text()
        assert f"configuration error: {named}" in log.read_text().splitlines()[-1]


async def test_it_waits_for_the_schema_and_can_be_stopped_meanwhile(
    empty_database_url: str, log: Path
) -> None:
    async with process(_environment(empty_database_url), log) as running:

        async def says_why() -> bool:
            return "has no schema yet" in log.read_text()

        await eventually(says_why)
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), 10) == 0
