"""PostgreSQL from a wheel, on loopback: up in about a second, can run as root, keeps its data in a folder."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import asyncpg

from local.kafka.child import Child, start_child
from local.postgres.cluster import USER, Cluster, binaries
from local.postgres.unprivileged import unprivileged
from local.process import LOOPBACK, free_port

_DATABASE = "whatsapp"
# Several processes with pools of 10, and tests that run many such services at once.
_MAX_CONNECTIONS = 200
# Recovery after a kill takes a few seconds at most; a start takes 0.2 s.
_START_SECONDS = 30.0
_LOOK_SECONDS = 0.05
# A fast shutdown writes one checkpoint.
_STOP_SECONDS = 15.0
_LOG_TAIL = 2000


@dataclass(frozen=True, slots=True)
class RunningPostgres:
    """A running server; `dsn` is the service's database. The same folder and port continue after `kill`."""

    cluster: Cluster
    port: int
    process: Child

    @property
    def dsn(self) -> str:
        return self.dsn_of(_DATABASE)

    @property
    def pid(self) -> int:
        return self.process.pid

    def dsn_of(self, database: str) -> str:
        """Return the address of a database. It names the file with the password."""
        query = urlencode({"passfile": str(self.cluster.passfile)}, safe="/")
        return f"postgresql://{USER}@{LOOPBACK}:{self.port}/{database}?{query}"

    async def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database unless it exists; return its address."""
        await create_database(self.dsn_of("postgres"), name, template)
        return self.dsn_of(name)

    async def drop_database(self, name: str) -> None:
        """Remove a database and end its connections."""
        await drop_database(self.dsn_of("postgres"), name)

    async def stop(self) -> None:
        """Do a fast shutdown: connections end, and everything is written."""
        await self.process.end(_STOP_SECONDS, signal.SIGINT)

    async def kill(self) -> None:
        """Die at once with all its processes, as the machine would; return when none is left."""
        # Stop it first, so that it starts no further process while they are counted.
        self.process.send(signal.SIGSTOP)
        children = _children(self.pid)
        await self.process.kill()
        for child in children:
            _send_kill(child)
        # A new server refuses the folder while one of the old processes still holds its memory.
        until = time.monotonic() + _STOP_SECONDS
        while any(_is_running(child) for child in children) and time.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)


async def start_postgres(data_dir: Path, port: int = 0) -> RunningPostgres:
    """Start the server of a folder on loopback, wait until it answers, and create the service's database.

    Raises:
        RuntimeError: it died or did not answer; includes the end of its log.
    """
    cluster = Cluster(data_dir)
    await cluster.ensure()
    running = RunningPostgres(cluster, port := port or free_port(), _start(cluster, port))
    try:
        await _answers(running)
        await running.create_database(_DATABASE)
    except (TimeoutError, RuntimeError) as error:
        await running.kill()
        tail = cluster.log.read_text(errors="replace")[-_LOG_TAIL:]
        raise RuntimeError(f"Postgres did not start: {error}\n{tail}") from error
    except BaseException:  # including cancellation: nobody else knows of the process yet
        await running.kill()
        raise
    return running


async def create_database(admin_dsn: str, name: str, template: str = "template1") -> None:
    """Create a database unless it exists."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name) is None:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    except asyncpg.DuplicateDatabaseError:  # somebody else created it between the two statements
        return
    finally:
        await connection.close()


async def drop_database(admin_dsn: str, name: str) -> None:
    """Remove a database and end its connections."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


def _start(cluster: Cluster, port: int) -> Child:
    # No socket in the file system: its path may be too long for one, and TCP is enough.
    options = {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "max_connections": _MAX_CONNECTIONS,
    }
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command = [str(binaries() / "postgres"), "-D", str(cluster.data), "-p", str(port), *settings]
    return start_child([*unprivileged(cluster.data, binaries()), *command], cluster.log, signal.SIGINT)


async def _answers(running: RunningPostgres) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while running.process.returncode is None:
            try:
                connection = await asyncpg.connect(running.dsn_of("postgres"))
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                await connection.close()
                return
    raise RuntimeError(f"the server ended with code {running.process.returncode}")


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _send_kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _is_running(pid: int) -> bool:
    """Return whether a process is running. A zombie has let go of everything but its line in the table."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
