"""A world to break: Apache Kafka, Postgres, simulated vendors and the product, all as real processes."""

import asyncio
import os
import random
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local.kafka.server import RunningKafka, start_kafka
from local.postgres.server import RunningPostgres, start_postgres
from local.process import LOOPBACK, free_port, spawn
from schemas.settings import load_settings
from tests.chaos.clients import Clients
from tests.chaos.pooler import Pooler
from tests.chaos.product import Product
from tests.chaos.vendors import Chance, Vendors
from tests.support.kafka_cluster import KafkaCluster
from tests.support.postgres_pair import follow
from tests.support.postgres_proxy import PostgresProxy, proxied

DEFAULTS = load_settings({})
"""The product's settings: only addresses, credentials and a vendor's quota differ."""
# The account's rate at Twilio, above the default of 80 a second.
_MESSAGES_PER_SECOND = 500
_MIGRATE_SECONDS = 60.0
# The discard port: nobody answers there.
_NOBODY = f"{LOOPBACK}:9"


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which something was away. Times are seconds since the epoch."""

    begun: float
    ended: float
    #: How it was away, if that varies.
    kind: str = ""


@dataclass(slots=True)
class Account:
    """The secrets of one run."""

    sid: str = field(default_factory=lambda: "AC" + secrets.token_hex(16))
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    service_token: str = field(default_factory=lambda: secrets.token_hex(16))
    elevenlabs_key: str = field(default_factory=lambda: secrets.token_hex(16))


class World:
    """Everything one scenario needs.

    Attributes:
        problems: What faults saw go wrong.
        faults: When they struck, in epoch seconds.
    """

    def __init__(
        self,
        folder: Path,
        jars: Path,
        *,
        webs: int,
        cut_off_webs: int,
        workers: int,
        pooled: bool,
        env: dict[str, str],
        worker_module: str = "cli",
        brokers: int = 1,
        has_standby: bool = False,
        seed: int = 0,
    ) -> None:
        self.folder = folder
        self.account = Account()
        self.problems: list[str] = []
        self.faults: list[float] = []
        self.outages: list[Outage] = []
        self.redelivered: int | None = None
        self.stats_differences: int | None = None
        self.clients: Clients | None = None
        # Numbers that Twilio refuses for good are not judged. Those held back are, except for recovery.
        self.excused: set[str] = set()
        self.held_back: set[str] = set()
        self.called_later: list[str] = []
        self.apology = DEFAULTS.apology_text
        self.notes: list[str] = []
        # The faults drawn. Their order is the same for the same seed; the clients' timing is not.
        self.seed, self.chance = seed, random.Random(seed)
        self.drawn: list[tuple[float, str]] = []
        # What is wrong with the vendors all the time, and again once an outage is over.
        self.twilio_faults: Mapping[str, Chance] = {}
        self.elevenlabs_faults: Mapping[str, Chance] = {}
        self.webs: list[Product] = []
        self.workers: list[Product] = []
        self._jars = jars
        self._worker_module = worker_module
        self._counts = webs, cut_off_webs, workers
        self._is_pooled = pooled
        self.pooler: Pooler | None = None
        self._brokers, self._has_standby = brokers, has_standby
        self._standbys = 0
        self._former: list[RunningPostgres] = []
        self._servers = AsyncExitStack()
        self.name: PostgresProxy | None = None
        self.fail_point = folder / "fail-point"
        self.clock = folder / "clock"
        self.points_reached = 0
        self._over = {name: value.replace("{folder}", str(folder)) for name, value in env.items()}
        self.kafka: RunningKafka | KafkaCluster
        self.postgres: RunningPostgres
        self.vendors: Vendors
        self.env: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True)
        self.clock.write_text("+0\n")
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
            self._start_kafka(), start_postgres(self.folder / "postgres")
        )
        if self._is_pooled:
            self.pooler = Pooler(self.postgres.dsn, self.folder / "pgbouncer")
            await self.pooler.start()
        if self._has_standby:
            self.name = await self._servers.enter_async_context(proxied(self.postgres.dsn))
        webs, cut_off, workers = self._counts
        web_ports = [free_port() for _ in range(webs + cut_off)]
        self.env = self._environment(web_ports[0])
        self.vendors = Vendors(
            self.folder, self.env, f"http://{LOOPBACK}:{web_ports[0]}/webhook/twilio/incoming"
        )
        self.env |= {
            "TWILIO_API_BASE_URL": self.vendors.twilio_url,
            "ELEVENLABS_API_BASE_URL": self.vendors.elevenlabs_url,
        }
        await self.vendors.start()
        await self._migrate()
        for number, port in enumerate(web_ports, 1):
            kafka = {"KAFKA_BOOTSTRAP_SERVERS": _NOBODY} if number > webs else {}
            self.webs.append(self._product(f"web-{number}", "web", port, PORT=str(port), **kafka))
        for number in range(1, workers + 1):
            self.add_worker(f"worker-{number}")

    async def _start_kafka(self) -> RunningKafka | KafkaCluster:
        if self._brokers == 1:
            return await start_kafka(self.folder / "kafka", self._jars)
        cluster = KafkaCluster(self.folder / "kafka", self._jars)
        await cluster.start()
        return cluster

    @property
    def broker(self) -> RunningKafka:
        """The only broker."""
        assert isinstance(self.kafka, RunningKafka), "of several, one is chosen"
        return self.kafka

    @property
    def cluster(self) -> KafkaCluster:
        """The three brokers."""
        assert isinstance(self.kafka, KafkaCluster), "the scenario has several"
        return self.kafka

    async def new_standby(self) -> RunningPostgres:
        """Start a standby of the primary."""
        self._standbys += 1
        return await follow(self.postgres, self.folder / f"postgres-{self._standbys}")

    def primary_is(self, postgres: RunningPostgres) -> None:
        """Point the name to another server from now on."""
        assert self.name is not None, "the scenario has a standby"
        self._former.append(self.postgres)
        self.postgres = postgres
        self.name.lead_to(postgres.dsn)

    def add_worker(self, name: str) -> Product:
        """Add one more worker, not yet started."""
        port = free_port()
        env = self.env | self._over | {"WORKER_PORT": str(port)}
        self.workers.append(Product(name, "worker", port, env, self.folder, self._worker_module))
        return self.workers[-1]

    def _product(self, name: str, command: str, port: int, **env: str) -> Product:
        return Product(name, command, port, self.env | self._over | env, self.folder)

    def _environment(self, web_port: int) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return kept | {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_EMBEDDED": str(self.kafka.kind == "embedded"),
            "DATABASE_URL": self._database_url(),
            "TWILIO_ACCOUNT_SID": self.account.sid,
            "TWILIO_AUTH_TOKEN": self.account.token,
            "MICROSERVICE_TOKEN": self.account.service_token,
            "ELEVENLABS_API_KEY": self.account.elevenlabs_key,
            "PUBLIC_BASE_URL": f"http://{LOOPBACK}:{web_port}",
            "STATS_URL": f"http://{_NOBODY}",
            "FAIL_POINT_FILE": str(self.fail_point),
            "TWILIO_MESSAGES_PER_SECOND": str(_MESSAGES_PER_SECOND),
        }

    def _database_url(self) -> str:
        if self.pooler is not None:
            return self.pooler.url
        return self.name.url if self.name is not None else self.postgres.dsn

    async def _migrate(self) -> None:
        process = await spawn([sys.executable, "-m", "cli", "migrate"], self.env, self.folder / "migrate.log")
        async with asyncio.timeout(_MIGRATE_SECONDS):
            code = await process.wait()
        assert code == 0, (self.folder / "migrate.log").read_text()

    def strikes(self) -> None:
        """Note that a fault happens now."""
        self.faults.append(time.time())

    def is_back(self, away_since: float, kind: str = "") -> None:
        """Note that the outage that began at `away_since` is over: recovery counts from now on."""
        self.strikes()
        self.outages.append(Outage(away_since, self.faults[-1], kind))

    async def restart_kafka(self) -> None:
        """Start the killed broker again, on the same folder and port."""
        port = int(self.broker.bootstrap_servers.rpartition(":")[2])
        self.kafka = await start_kafka(self.folder / "kafka", self._jars, port=port)

    async def restart_postgres(self) -> None:
        """Start the killed server again, on the same folder and port."""
        self.postgres = await start_postgres(self.folder / "postgres", self.postgres.port)

    def own_ends(self) -> list[str]:
        """Return the processes that ended without being asked to, with their codes."""
        return [
            f"{each.name} ended by itself with {code}" for each in self._products() for code in each.own_ends
        ]

    def _products(self) -> list[Product]:
        return [*self.webs, *self.workers]

    async def close(self) -> None:
        """End everything, whatever state it is in."""
        for each in self._products():
            await each.close()
        if hasattr(self, "vendors"):
            await self.vendors.stop()
        if self.pooler is not None:
            await self.pooler.kill()
        await self._servers.aclose()
        for former in self._former:
            await former.kill()
        for server in ("kafka", "postgres"):
            if hasattr(self, server):
                await getattr(self, server).kill()
