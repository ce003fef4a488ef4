"""A dead, frozen or broker-less worker is reported within 15 s, by `/health` or by its own `/ready`."""

import signal
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from clients.kafka.topics import ensure_topics
from local.kafka.server import start_kafka
from schemas.settings import load_settings
from tests.support.deadline import eventually
from tests.support.processes import environment, running
from tests.support.servers import needs_apache

_SAID_SECONDS = 15.0
# A start, or what a worker needs to come back into its group.
_WELL_SECONDS = 90.0
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_NOBODY = ["no worker answers"]

Look = Callable[[], Awaitable[bool]]


def _env(database_url: str, kafka: str, **over: str) -> dict[str, str]:
    env = environment(database_url, kafka, TOPIC_PREFIX=f"t{uuid.uuid4().hex[:8]}.", **over)
    return env | {"WORKER_URLS": f"http://127.0.0.1:{env['WORKER_PORT']}", "START_WAIT_SECONDS": "30"}


async def _told(client: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    try:
        async with client.get(path) as response:
            body: dict[str, Any] = await response.json()
            return body | {"code": response.status}
    except (aiohttp.ClientConnectionError, TimeoutError):
        return {}


def _stands(client: aiohttp.ClientSession, standing: list[str]) -> Look:
    async def look() -> bool:
        found = await _told(client, "/health")
        work = found.get("work", {})
        return work.get("standing") == standing and set(standing) <= set(work["problems"])

    return look


async def test_a_worker_that_is_dead_or_frozen_is_said_in_time(
    kafka_bootstrap: str, database_url: str, tmp_path: Path
) -> None:
    env = _env(database_url, kafka_bootstrap, BACKFILL_EVERY_SECONDS="0")
    await ensure_topics(load_settings(env))
    base = f"http://127.0.0.1:{env['PORT']}"
    async with (
        running("web", env, tmp_path / "web.log"),
        aiohttp.ClientSession(base, timeout=_TIMEOUT) as client,
    ):
        await eventually(_stands(client, _NOBODY), _WELL_SECONDS)
        async with running("worker", env, tmp_path / "worker.log") as worker:
            await eventually(_stands(client, []), _WELL_SECONDS)
            worker.send_signal(signal.SIGSTOP)
            await eventually(_stands(client, _NOBODY), _SAID_SECONDS)
            worker.send_signal(signal.SIGCONT)
            await eventually(_stands(client, []), _WELL_SECONDS)
            worker.kill()
            await eventually(_stands(client, _NOBODY), _SAID_SECONDS)
        health = await _told(client, "/health")
        assert (health["code"], health["status"]) == (200, "degraded")


@needs_apache
async def test_a_worker_whose_broker_is_frozen_is_not_ready_and_a_new_start_would_not_help(
    database_url: str, tmp_path: Path, jars: Path
) -> None:
    kafka = await start_kafka(tmp_path / "kafka", jars)
    try:
        env = _env(database_url, kafka.bootstrap_servers)
        await ensure_topics(load_settings(env))
        base = f"http://127.0.0.1:{env['WORKER_PORT']}"
        async with (
            running("worker", env, tmp_path / "worker.log"),
            aiohttp.ClientSession(base, timeout=_TIMEOUT) as client,
        ):

            async def is_ready() -> bool:
                return (await _told(client, "/ready")).get("code") == 200

            async def says_why() -> bool:
                found = await _told(client, "/ready")
                is_said = "Kafka does not answer" in found.get("standing", [])
                return is_said and found["code"] == 503 and not found["restart_helps"]

            await eventually(is_ready, _WELL_SECONDS)
            kafka.process.send(signal.SIGSTOP)
            await eventually(says_why, _SAID_SECONDS)
            kafka.process.send(signal.SIGCONT)
            await eventually(is_ready, _WELL_SECONDS)
    finally:
        await kafka.kill()
