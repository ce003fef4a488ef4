"""The measured world: Apache Kafka, Postgres and the product's processes; this process is the outside."""

import asyncio
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from local.kafka.server import RunningKafka, start_kafka
from local.postgres.server import RunningPostgres, start_postgres
from local.process import LOOPBACK, free_port, spawn
from tests.bench.clients import Clients
from tests.bench.lean_http import Client, serve
from tests.bench.ledger import Ledger
from tests.bench.signing import Signer
from tests.bench.vendors import ElevenLabs, Twilio
from tests.chaos.product import Product
from tests.chaos.world import Account

SETTINGS = {
    # Limits of an account, not of the service: at their defaults they would be what is measured.
    "ELEVENLABS_MAX_CONCURRENCY": "6000",
    "TWILIO_MESSAGES_PER_SECOND": "5000",
    "ELEVENLABS_TRANSPORT": "rest",
    "LOG_FORMAT": "json",
}
"""How the product's processes differ from the defaults."""

_MIGRATE_SECONDS = 60.0
_READY_SECONDS = 90.0
_STOP_SECONDS = 20.0


class World:
    """A world that is running and ready within `async with World(folder, jars) as world`.

    `webs` and `workers` are the numbers of processes.
    """

    def __init__(self, folder: Path, jars: Path, *, webs: int = 1, workers: int = 1) -> None:
        self.folder = folder
        self._jars = jars
        self._counts = webs, workers
        self.account = Account()
        self.ledger = Ledger()
        self.products: dict[str, Product] = {}
        self._servers: list[asyncio.Server] = []
        self.env: dict[str, str] = {}
        self.kafka: RunningKafka
        self.postgres: RunningPostgres

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True)
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def _start(self) -> None:
        self.kafka, self.postgres = await asyncio.gather(
            start_kafka(self.folder / "kafka", self._jars), start_postgres(self.folder / "postgres")
        )
        ports = {name: free_port() for name in ("web", "stats-worker", "twilio", "elevenlabs")}
        more_webs = [free_port() for _ in range(1, self._counts[0])]
        self._outside([ports["web"], *more_webs])
        for vendor, handle in (("twilio", self.twilio.handle), ("elevenlabs", self.elevenlabs.handle)):
            self._servers.append(await serve(handle, LOOPBACK, ports[vendor]))
        self.env = self._environment(ports)
        await self._migrate()
        self._add_products(ports, more_webs)
        await asyncio.gather(*(each.start() for each in self.products.values()))
        await asyncio.gather(*(each.ready(_READY_SECONDS) for each in self.products.values()))

    def _outside(self, web_ports: list[int]) -> None:
        """Create the outside. The clients' connections are spread over all webs, as a load balancer would."""
        signer = Signer(self.account.token, f"http://{LOOPBACK}:{web_ports[0]}")
        self.web = Client(LOOPBACK, *web_ports)
        self.twilio = Twilio(self.ledger, signer, self.web, self.account.sid)
        self.elevenlabs = ElevenLabs(self.ledger)
        self.clients = Clients(self.ledger, signer, self.web, self.account.sid)
        self.twilio.answered = self.clients.answered

    def _environment(self, ports: dict[str, int]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        urls = {name: f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
        return (
            kept
            | SETTINGS
            | {
                "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
                "DATABASE_URL": self.postgres.dsn,
                "TWILIO_ACCOUNT_SID": self.account.sid,
                "TWILIO_AUTH_TOKEN": self.account.token,
                "MICROSERVICE_TOKEN": self.account.service_token,
                "ELEVENLABS_API_KEY": self.account.elevenlabs_key,
                "PUBLIC_BASE_URL": urls["web"],
                "STATS_URL": urls["stats-worker"],
                "TWILIO_API_BASE_URL": urls["twilio"],
                "ELEVENLABS_API_BASE_URL": urls["elevenlabs"],
            }
        )

    async def _migrate(self) -> None:
        process = await spawn([sys.executable, "-m", "cli", "migrate"], self.env, self.folder / "migrate.log")
        async with asyncio.timeout(_MIGRATE_SECONDS):
            code = await process.wait()
        assert code == 0, (self.folder / "migrate.log").read_text()

    def _add_products(self, ports: dict[str, int], more_webs: list[int]) -> None:
        self._add("web", "web", ports["web"], "PORT")
        for number, port in enumerate(more_webs, 2):
            self._add(f"web-{number}", "web", port, "PORT")
        self._add("worker", "worker", free_port(), "WORKER_PORT")
        for number in range(2, self._counts[1] + 1):
            self._add(f"worker-{number}", "worker", free_port(), "WORKER_PORT")
        self._add("stats-worker", "stats-worker", ports["stats-worker"], "STATS_PORT")

    def _add(self, name: str, command: str, port: int, variable: str, **env: str) -> None:
        self.products[name] = Product(
            name, command, port, self.env | env | {variable: str(port)}, self.folder
        )

    async def stop_worker(self) -> None:
        """Stop the worker in an orderly way."""
        await self.products["worker"].term(_STOP_SECONDS)
        await self.products.pop("worker").close()

    async def start_worker(self, **env: str) -> None:
        """Start the worker again, with other settings if wanted."""
        self._add("worker", "worker", free_port(), "WORKER_PORT", **env)
        await self.products["worker"].start()
        await self.products["worker"].ready(_READY_SECONDS)

    def pids(self) -> dict[str, int]:
        """Return every measured process's id by name; `driver` is this process."""
        own = {name: product.process.pid for name, product in self.products.items()}
        return own | {"kafka": self.kafka.pid, "postgres": self.postgres.pid, "driver": os.getpid()}

    def urls(self) -> dict[str, str]:
        return {name: product.url for name, product in self.products.items()}

    def own_ends(self) -> list[str]:
        """Return the processes that ended without being asked to."""
        return [f"{each.name} ended with {code}" for each in self.products.values() for code in each.own_ends]

    async def close(self) -> None:
        """End everything, whatever state it is in."""
        for each in self.products.values():
            await each.close()
        if hasattr(self, "web"):
            self.web.close()
        for running in self._servers:
            running.close()
        for server in ("kafka", "postgres"):
            if hasattr(self, server):
                await getattr(self, server).kill()
