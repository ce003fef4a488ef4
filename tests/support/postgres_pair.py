"""A Postgres primary and a synchronous standby, behind one name that leads to the primary."""

import asyncio
import os
import shutil
from pathlib import Path

import asyncpg

from local.postgres.cluster import USER, Cluster, binaries
from local.postgres.server import RunningPostgres, start_postgres
from local.postgres.unprivileged import own
from tests.support.deadline import eventually

_BASE_BACKUP_SECONDS = 60.0


async def follow(primary: RunningPostgres, folder: Path) -> RunningPostgres:
    """Start a standby of a primary, which then acknowledges only what the standby has."""
    cluster = Cluster(folder)
    cluster.data.parent.mkdir(parents=True, exist_ok=True)
    password = primary.cluster.passfile.read_text().strip().rpartition(":")[2]
    # Given the password in its environment, the backup writes it into the standby's own (private) settings.
    command = [
        str(binaries() / "pg_basebackup"),
        "-h",
        "127.0.0.1",
        "-p",
        str(primary.port),
        "-U",
        USER,
        "-D",
        str(cluster.data),
        "-R",
        "-X",
        "stream",
        "-c",
        "fast",
    ]
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, "PGPASSWORD": password})
    async with asyncio.timeout(_BASE_BACKUP_SECONDS):
        assert await process.wait() == 0
    shutil.copy2(primary.cluster.passfile, cluster.passfile)
    for path in (cluster.data, *cluster.data.rglob("*")):
        own(path)
    standby = await start_postgres(folder)

    async def follows() -> bool:
        state = await _value(primary, "SELECT state FROM pg_stat_replication")
        return state == "streaming"

    await eventually(follows)
    await _execute(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    return standby


async def make_read_only(primary: RunningPostgres) -> None:
    """Demote a primary as managed services do: its sessions live on but refuse to write."""
    await _execute(primary, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")


async def promote(standby: RunningPostgres) -> None:
    """Promote a standby, which then waits for no standby of its own."""
    await _execute(standby, "SELECT pg_promote()")
    await _execute(standby, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


async def _execute(server: RunningPostgres, *statements: str) -> None:
    connection = await asyncpg.connect(server.dsn_of("postgres"))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _value(server: RunningPostgres, query: str) -> object:
    connection = await asyncpg.connect(server.dsn_of("postgres"))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
