"""Real outages of each dependency, dead and frozen: `/health` shows each within 10 s, its end within 20 s."""

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import structlog

from clients.kafka.topics import ensure_topics
from db.migrate import migrate
from local.kafka.server import RunningKafka, start_kafka
from local.postgres.server import RunningPostgres, start_postgres
from local.process import end, free_port, spawn
from schemas.settings import load_settings
from tests.chaos.product import tree_signal
from tests.support.deadline import eventually
from tests.support.processes import environment, running
from tests.support.servers import needs_apache

log = structlog.get_logger()

_SHOWN_SECONDS, _OVER_SECONDS = 10.0, 20.0
_ACCOUNT, _TOKEN, _KEY = "AC" + "1" * 32, secrets.token_hex(16), secrets.token_hex(16)
_NOBODY = "http://127.0.0.1:9"
GOOD = {"database": "connected", "kafka": "connected", "twilio": "ok", "elevenlabs": "ok"}


@dataclass
class Vendor:
    """A simulated vendor in a process that can be killed, frozen and started again on its port."""

    arguments: list[str]
    log: Path
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        env = {
            **os.environ,
            "TWILIO_ACCOUNT_SID": _ACCOUNT,
            "TWILIO_AUTH_TOKEN": _TOKEN,
            "ELEVENLABS_API_KEY": _KEY,
        }
        command = [sys.executable, "-m", *self.arguments, "--port", str(self.port)]
        self.process = await spawn(command, env, self.log)

    async def kill(self) -> None:
        if self.process is not None:
            await end(self.process, 0)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@dataclass
class World:
    """All dependencies, and `web` before them."""

    folder: Path
    jars: Path
    kafka: RunningKafka
    postgres: RunningPostgres
    vendors: dict[str, Vendor]

    async def restart_kafka(self) -> None:
        port = int(self.kafka.bootstrap_servers.rpartition(":")[2])
        self.kafka = await start_kafka(self.folder / "kafka", self.jars, port=port)

    async def restart_postgres(self) -> None:
        self.postgres = await start_postgres(self.folder / "postgres", port=self.postgres.port)

    async def end(self) -> None:
        tree_signal(self.postgres.pid, signal.SIGCONT)
        for vendor in self.vendors.values():
            await vendor.kill()
        await self.kafka.kill()
        await self.postgres.kill()


@asynccontextmanager
async def world(folder: Path, jars: Path) -> AsyncIterator[World]:
    kafka, postgres = await asyncio.gather(
        start_kafka(folder / "kafka", jars), start_postgres(folder / "postgres")
    )
    vendors = {
        "twilio": Vendor(["local.vendors.twilio", _NOBODY], folder / "twilio.log"),
        "elevenlabs": Vendor(["local.vendors.elevenlabs"], folder / "elevenlabs.log"),
    }
    made = World(folder, jars, kafka, postgres, vendors)
    try:
        for vendor in vendors.values():
            await vendor.start()
        yield made
    finally:
        await made.end()


class Health:
    """What `/health` tells."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client

    async def dependencies(self) -> dict[str, str]:
        try:
            async with self._client.get("/health") as response:
                found: dict[str, str] = (await response.json())["dependencies"]
                return found
        except aiohttp.ClientConnectionError:
            return {}

    async def shows(self, dependency: str, *, well: bool, seconds: float) -> float:
        """Wait until a dependency is shown well, or unwell with all others well; return the seconds taken."""

        async def look() -> bool:
            found = await self.dependencies()
            others = {name: state for name, state in found.items() if name != dependency}
            is_well = found.get(dependency) == GOOD[dependency]
            return is_well is well and others == {
                name: state for name, state in GOOD.items() if name != dependency
            }

        begun = time.monotonic()
        await eventually(look, seconds)
        return time.monotonic() - begun


Action = Callable[[], Awaitable[None]]


def _signals(send: Callable[[signal.Signals], None]) -> tuple[Action, Action]:
    async def freeze() -> None:
        send(signal.SIGSTOP)

    async def thaw() -> None:
        send(signal.SIGCONT)

    return freeze, thaw


def outages(world: World) -> list[tuple[str, Action, Action]]:
    """Return each dependency's outages: how it begins and how it ends."""
    vendors = [
        outage
        for name, vendor in world.vendors.items()
        for outage in ((name, *_signals(vendor.signal)), (name, vendor.kill, vendor.start))
    ]
    return [
        ("kafka", *_signals(lambda number: world.kafka.process.send(number))),
        ("kafka", lambda: world.kafka.kill(), world.restart_kafka),
        ("database", *_signals(lambda number: tree_signal(world.postgres.pid, number))),
        ("database", lambda: world.postgres.kill(), world.restart_postgres),
        *vendors,
    ]


@needs_apache
async def test_each_outage_and_its_end_show_in_time(tmp_path: Path, jars: Path) -> None:
    async with world(tmp_path, jars) as dependencies:
        await migrate(dependencies.postgres.dsn)
        await ensure_topics(load_settings({"KAFKA_BOOTSTRAP_SERVERS": dependencies.kafka.bootstrap_servers}))
        urls = {name: f"http://127.0.0.1:{vendor.port}" for name, vendor in dependencies.vendors.items()}
        env = environment(
            dependencies.postgres.dsn,
            dependencies.kafka.bootstrap_servers,
            TWILIO_API_BASE_URL=urls["twilio"],
            ELEVENLABS_API_BASE_URL=urls["elevenlabs"],
            TWILIO_ACCOUNT_SID=_ACCOUNT,
            TWILIO_AUTH_TOKEN=_TOKEN,
            ELEVENLABS_API_KEY=_KEY,
            START_WAIT_SECONDS="30",
            BACKFILL_EVERY_SECONDS="0",
        )
        base = f"http://127.0.0.1:{env['PORT']}"
        async with running("web", env, tmp_path / "web.log"), aiohttp.ClientSession(base) as client:
            health = Health(client)
            await health.shows("kafka", well=True, seconds=60)
            for dependency, begin, finish in outages(dependencies):
                await begin()
                shown = await health.shows(dependency, well=False, seconds=_SHOWN_SECONDS)
                await finish()
                over = await health.shows(dependency, well=True, seconds=_OVER_SECONDS)
                log.info("outage", dependency=dependency, shown=round(shown, 1), over=round(over, 1))
