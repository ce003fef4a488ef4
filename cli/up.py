"""`up`: everything on one machine, supervised."""

import asyncio
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import structlog
from rich.table import Table

from cli.console import plain_console
from cli.parts import Parts
from cli.prepare import check_free, prepare
from cli.supervisor import Supervisor
from local.kafka.server import start_kafka
from local.phone.app import serve_phone
from local.phone.world import Addresses
from local.postgres.server import start_postgres
from local.process import LOOPBACK, end, spawn
from process.life import unless_stopped
from schemas.errors import ConfigurationError
from schemas.settings import Settings, load_settings

log = structlog.get_logger()

_STOP_SECONDS = 20.0
_READY_SECONDS = 60.0


class Up:
    """The parts that run; stopped in the reverse order of their start."""

    def __init__(self, settings: Settings, data_dir: Path, jars: Path) -> None:
        self.env = dict(os.environ)
        self.chosen: dict[str, str] = {}
        self.supervisor = Supervisor(self.env, data_dir)
        self._settings = settings
        self._data_dir = data_dir
        self._jars = jars
        self._servers = Parts(self.supervisor, data_dir, jars)
        self._stops: list[Any] = [self._servers.stop]
        self.parts: list[tuple[str, str]] = []
        self.state: dict[str, Any] = {}

    async def start_parts(self) -> None:
        """Start a stand-in for each part whose variable is not set."""
        if self._settings.kafka_bootstrap_servers is None:
            kafka = await start_kafka(self._data_dir / "kafka", self._jars)
            self._servers.add(kafka)
            embedded = str(kafka.kind == "embedded").lower()
            self._set(
                "Kafka",
                kafka.bootstrap_servers,
                kind=kafka.kind,
                KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers,
                KAFKA_EMBEDDED=embedded,
            )
            self.state["kafka_pid"] = kafka.process.pid
        if self._settings.database_url is None:
            postgres = await start_postgres(self._data_dir / "postgres")
            self._servers.add(postgres)
            self._set("Postgres", postgres.dsn, DATABASE_URL=postgres.dsn)
        if self._settings.twilio_auth_token is None:
            account, token = "AC" + secrets.token_hex(16), secrets.token_hex(16)
            self._set("", "", TWILIO_ACCOUNT_SID=account, TWILIO_AUTH_TOKEN=token)
            webhook = f"http://127.0.0.1:{self._settings.port}/webhook/twilio/incoming"
            url = await self._simulator("twilio", webhook)
            # The stand-in signs what it calls, and reports to whoever sends: both know this machine alone.
            self._set("Twilio (simulated)", url, TWILIO_API_BASE_URL=url, PUBLIC_BASE_URL="")
        if self._settings.elevenlabs_api_key is None:
            self._set("", "", ELEVENLABS_API_KEY=secrets.token_hex(16))
            url = await self._simulator("elevenlabs")
            self._set("ElevenLabs (simulated)", url, ELEVENLABS_API_BASE_URL=url)
        if not self.env.get("STATS_URL"):
            self._set("", "", STATS_URL=f"http://127.0.0.1:{self._settings.stats_port}")
        if self._settings.bind_host is None:
            self._set("", "", BIND_HOST=LOOPBACK)
        if self._settings.microservice_token is None:
            token = secrets.token_urlsafe(24)
            self._set("Service token (random, not set)", token, MICROSERVICE_TOKEN=token)

    async def start_phone(self) -> None:
        """Serve the phone in the browser if both vendors are simulated."""
        if not self.state.keys() >= {"twilio_url", "elevenlabs_url"}:
            return
        addresses = Addresses(
            web_url=f"http://{LOOPBACK}:{self._settings.port}",
            token=self.env["MICROSERVICE_TOKEN"],
            twilio_url=self.state["twilio_url"],
            elevenlabs_url=self.state["elevenlabs_url"],
        )
        url, runner = await serve_phone(addresses, self._servers, LOOPBACK)
        self._stops.append(runner.cleanup)
        self._set("Phone in the browser", f"http://{LOOPBACK}:{self._settings.port}/phone", PHONE_URL=url)

    async def prepare(self) -> None:
        """Migrate and make the topics."""
        await prepare(load_settings(self.env))

    async def stop(self) -> None:
        for stop in reversed(self._stops):
            await stop()

    def _set(self, part: str, where: str, kind: str = "", **variables: str) -> None:
        self.env.update(variables)
        self.chosen.update(variables)
        if part:
            self.parts.append((f"{part} {kind}".strip(), where))

    async def _simulator(self, name: str, *arguments: str) -> str:
        command = [sys.executable, "-m", f"local.vendors.{name}", *arguments]
        process = await spawn(command, self.env, self._data_dir / f"{name}.log", capture=True)
        self._stops.append(lambda: end(process, _STOP_SECONDS))
        assert process.stdout is not None, "captured"
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"the simulated {name} did not start; see {self._data_dir / f'{name}.log'}")
        url: str = json.loads(line)["url"]
        self.state[f"{name}_url"] = url
        return url


def run_up(settings: Settings, data_dir: Path, jars: Path, workers: int) -> int:
    """Run until Ctrl-C or SIGTERM; return the exit code.

    Raises:
        ConfigurationError: a part cannot start, at the beginning or again; all others are stopped.
    """
    return asyncio.run(_run(settings, data_dir.absolute(), jars.absolute(), workers))


async def _run(settings: Settings, data_dir: Path, jars: Path, workers: int) -> int:
    data_dir.mkdir(parents=True, exist_ok=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    check_free(_ports(settings, workers))
    up = Up(settings, data_dir, jars)
    supervisor = up.supervisor
    starting = asyncio.create_task(_start(settings, up, workers))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            _announce(settings, up, supervisor, data_dir)
            await unless_stopped(supervisor.watch(), stop)
    except RuntimeError as error:
        raise ConfigurationError(str(error)) from error
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await supervisor.stop(_STOP_SECONDS)
        await up.stop()
    return 0


async def _start(settings: Settings, up: Up, workers: int) -> None:
    await up.start_parts()
    await up.prepare()
    await up.start_phone()
    own_urls = ",".join(f"http://{LOOPBACK}:{port}" for port in _worker_ports(settings, workers))
    up.env["WORKER_URLS"] = up.env.get("WORKER_URLS") or own_urls
    up.supervisor.add("web", settings.port, "PORT")
    for number, port in enumerate(_worker_ports(settings, workers)):
        up.supervisor.add("worker", port, "WORKER_PORT", f"worker-{number + 1}")
    up.supervisor.add("stats-worker", settings.stats_port, "STATS_PORT")
    await up.supervisor.ready(_READY_SECONDS)


def _ports(settings: Settings, workers: int) -> dict[str, int]:
    of_workers = {
        f"WORKER_PORT of worker-{n + 1}": port for n, port in enumerate(_worker_ports(settings, workers))
    }
    return {"PORT": settings.port, "STATS_PORT": settings.stats_port} | of_workers


def _worker_ports(settings: Settings, workers: int) -> list[int]:
    """Return the ports of the workers' views: the first as configured, the rest after the stats worker's."""
    return [settings.worker_port, *range(settings.stats_port + 1, settings.stats_port + workers)]


def _announce(settings: Settings, up: Up, supervisor: Supervisor, data_dir: Path) -> None:
    base = f"http://127.0.0.1:{settings.port}"
    token = up.env["MICROSERVICE_TOKEN"]
    table = Table(title="whatsapp-microservice is up")
    table.add_column("part")
    table.add_column("where", overflow="fold")
    for part, where in [
        ("API and webhooks", base),
        ("Operators' console", f"{base}/ops"),
        *up.parts,
        ("data and logs", str(data_dir)),
    ]:
        table.add_row(part, where)
    console = plain_console(soft_wrap=True)
    console.print(table)
    console.print(f'Try it:  curl -H "X-Service-Token: {token}" {base}/api/stats')
    console.print("Chat:    whatsapp-microservice demo       Stop: Ctrl-C")
    state = up.state | {
        "web_url": base,
        "token": token,
        "kafka": up.env.get("KAFKA_BOOTSTRAP_SERVERS"),
        "database_url": up.env.get("DATABASE_URL"),
        "pids": supervisor.pids(),
        "worker_ports": supervisor.ports("worker"),
        "env": up.chosen,
        "pid": os.getpid(),
    }
    file = data_dir / "up.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(state))
