"""PgBouncer as managed databases run it: transaction mode, a client's transactions over few sessions."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from local.postgres.unprivileged import unprivileged
from local.process import free_port
from tests.support.up import eventually_sync

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
needs_pgbouncer = pytest.mark.skipif(
    PGBOUNCER is None and not os.environ.get("REQUIRE_PGBOUNCER"),
    reason="Debian's package pgbouncer is not installed",
)
# Fewer than a process's connections, so that clients get sessions that others have used.
_SESSIONS = 2
_CONFIGURATION = """
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
server_round_robin = 1
max_client_conn = 500
"""


def configured(database_url: str, folder: Path, listen: int, sessions: int) -> list[str]:
    """Write the configuration of a PgBouncer for a database; return the command that runs it."""
    parts, file = urlsplit(database_url), folder / "pgbouncer.ini"
    file.write_text(
        _CONFIGURATION.format(
            host=parts.hostname,
            port=parts.port,
            user=parts.username,
            password=_password(database_url),
            listen=listen,
            sessions=sessions,
        )
    )
    assert PGBOUNCER is not None, "tests that need it are skipped without it, or fail where it is required"
    return [*unprivileged(folder), PGBOUNCER, str(file)]


@contextmanager
def pgbouncer(database_url: str, folder: Path) -> Iterator[str]:
    """Run a PgBouncer for a database; yield the URL through it."""
    parts, listen = urlsplit(database_url), free_port()
    command = configured(database_url, folder, listen, _SESSIONS)
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually_sync(lambda: _listens(listen))
        yield f"postgresql://{parts.username}@127.0.0.1:{listen}{parts.path}"
    finally:
        process.terminate()
        process.wait(10)


def _password(database_url: str) -> str:
    parts = urlsplit(database_url)
    if parts.password:
        return parts.password
    [passfile] = parse_qs(parts.query)["passfile"]
    return Path(passfile).read_text().splitlines()[0].rpartition(":")[2]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
