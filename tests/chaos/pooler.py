"""PgBouncer between the product and Postgres, in transaction mode."""

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit

from local.process import LOOPBACK, free_port, spawn
from tests.support.pgbouncer import PGBOUNCER, configured

FILE = Path(PGBOUNCER or "/usr/sbin/pgbouncer")
# Far fewer than the processes' connections, so that each statement may get another session.
_SESSIONS = 4
_START_SECONDS = 10.0
_LOOK_SECONDS = 0.05


class Pooler:
    """A PgBouncer process. `url` reaches the database through it and is the same after each start."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self._port = free_port()
        folder.mkdir()
        self._log = folder / "pgbouncer.log"
        self._command = configured(dsn, folder, self._port, _SESSIONS)
        self._process: asyncio.subprocess.Process | None = None
        there = urlsplit(dsn)
        self.url = f"postgresql://{there.username}@{LOOPBACK}:{self._port}{there.path}"

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = await spawn(self._command, {"PATH": os.environ["PATH"]}, self._log)
        async with asyncio.timeout(_START_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection(LOOPBACK, self._port)
                    break
                except OSError:
                    await asyncio.sleep(_LOOK_SECONDS)
        writer.close()

    async def kill(self) -> None:
        """Send SIGKILL: every connection through it is cut."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
