"""The former build's servers, simulators and processes, started from its own checkout."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from local.kafka.server import RunningKafka, start_kafka
from local.postgres.server import RunningPostgres, start_postgres
from local.process import end, free_port, spawn

Json = dict[str, Any]
_READY_SECONDS = 90.0
_LOOK_SECONDS = 0.1
_STOP_SECONDS = 20.0
# Twilio's own ids look like this; nothing else may be mistaken for a secret in the recording.
_ACCOUNT = "AC" + "0" * 32


class World:
    """`env`: what the processes are given; `database`: one connection, JSON as Python values."""

    def __init__(self, folder: Path, kafka: RunningKafka, postgres: RunningPostgres) -> None:
        self.folder = folder
        self.kafka = kafka
        self.postgres = postgres
        self.http = httpx.AsyncClient(timeout=30)
        self.urls: dict[str, str] = {}
        self.env = dict(os.environ) | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "DATABASE_URL": postgres.dsn,
            "TWILIO_ACCOUNT_SID": _ACCOUNT,
            "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
            "ELEVENLABS_API_KEY": secrets.token_hex(16),
            "MICROSERVICE_TOKEN": secrets.token_hex(16),
            "PORT": str(free_port()),
            "WORKER_PORT": str(free_port()),
            "STATS_URL": "http://127.0.0.1:9",
            "BACKEND_URL": "http://127.0.0.1:9",
        }
        self.database: asyncpg.Connection[asyncpg.Record]
        self._running: dict[str, asyncio.subprocess.Process] = {}

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.env['PORT']}"

    async def simulator(self, name: str, *arguments: str) -> None:
        """Start a simulated vendor."""
        command = [sys.executable, "-m", f"local.vendors.{name}", *arguments]
        process = await spawn(command, self.env, self.folder / f"{name}.log", capture=True)
        self._running[name] = process
        assert process.stdout is not None
        self.urls[name] = httpx.Response(200, content=await process.stdout.readline()).json()["url"]
        self.env[f"{name.upper()}_API_BASE_URL"] = self.urls[name]

    async def run(self, *arguments: str) -> str:
        """Run a command of the program to its end; return what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", *arguments), env=self.env, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        return printed.decode()

    async def start(self, name: str, **variables: object) -> None:
        """Start one of the processes and wait until it is ready."""
        env = self.env | {variable: str(value) for variable, value in variables.items()}
        command = [sys.executable, "-m", "cli", name]
        self._running[name] = await spawn(command, env, self.folder / f"{name}.log")
        port = self.env["PORT" if name == "web" else "WORKER_PORT"]
        await self.until(lambda: self._answers(f"http://127.0.0.1:{port}/live"), _READY_SECONDS)
        if name == "worker":
            await self.until(lambda: self._answers(f"http://127.0.0.1:{port}/ready"), _READY_SECONDS)

    async def stop(self, name: str) -> None:
        await end(self._running.pop(name), _STOP_SECONDS)

    async def kill(self, name: str) -> None:
        """As by `kill -9`."""
        process = self._running.pop(name)
        process.kill()
        await process.wait()

    async def close(self) -> None:
        for name in list(self._running):
            await self.stop(name)
        await self.http.aclose()

    async def steer(self, vendor: str, what: str, **wanted: object) -> Json:
        """Tell a simulated vendor what to do."""
        answer = await self.http.post(f"{self.urls[vendor]}/_sim/{what}", json=wanted)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    async def api(self, method: str, path: str, **body: object) -> httpx.Response:
        headers = {"X-Service-Token": self.env["MICROSERVICE_TOKEN"]}
        return await self.http.request(method, self.web_url + path, headers=headers, json=body or None)

    async def until_true(self, sql: str, *arguments: object, seconds: float = 60.0) -> None:
        """Wait until a query's first value is true."""

        async def look() -> bool:
            return bool(await self.database.fetchval(sql, *arguments))

        await self.until(look, seconds, f"{sql} {arguments}")

    async def until(self, look: Any, seconds: float, what: str = "") -> None:  # noqa: ANN401
        end_at = asyncio.get_running_loop().time() + seconds
        while not await look():
            assert asyncio.get_running_loop().time() < end_at, what
            await asyncio.sleep(_LOOK_SECONDS)

    async def _answers(self, url: str) -> bool:
        try:
            return (await self.http.get(url)).is_success
        except httpx.HTTPError:
            return False


@asynccontextmanager
async def world(folder: Path, jars: Path) -> AsyncIterator[World]:
    """Start servers and simulators, and migrate."""
    kafka = await start_kafka(folder / "kafka", jars)
    postgres = await start_postgres(folder / "postgres")
    made = World(folder, kafka, postgres)
    try:
        await made.simulator("twilio", f"{made.web_url}/webhook/twilio/incoming")
        await made.simulator("elevenlabs")
        await made.run("migrate")
        made.database = await asyncpg.connect(postgres.dsn)
        yield made
        await made.database.close()
    finally:
        await made.close()
        await postgres.stop()
        await kafka.stop()
