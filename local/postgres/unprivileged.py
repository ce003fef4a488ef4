"""Runs PostgreSQL's programs as another user where we are root, because PostgreSQL refuses to run as root."""

import os
import pwd
import stat
import subprocess
from pathlib import Path

_USER = "pgserver"
# Bit of CAP_DAC_READ_SEARCH in the masks of /proc/PID/status (capabilities(7)).
_READ_SEARCH = 1 << 2


def own(path: Path) -> None:
    """Hand a file or folder over to the user that the server runs as."""
    if os.geteuid() == 0:
        _ensure_user()
        entry = pwd.getpwnam(_USER)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def unprivileged(*paths: Path) -> list[str]:
    """Return a command prefix that drops root but can still reach `paths`; empty when we are not root.

    Folders on the way may be closed to others (/root, a temporary folder). They stay closed: the process
    keeps the right to pass through them, and only in that case.
    """
    if os.geteuid() != 0:
        return []
    _ensure_user()
    command = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
    if not all(_open_to_others(path) for path in paths) and _may_pass():
        command += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    # Changing the user clears the parent-death signal, so it is set afterwards. SIGINT is the fast shutdown.
    return [*command, "--pdeathsig=INT", "--"]


def _ensure_user() -> None:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        # The name is the one that the wheel's own launcher uses; initdb needs one that the system knows.
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _USER], check=True
        )


def _open_to_others(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _may_pass() -> bool:
    """Return whether we hold the capability that we would pass on; containers often take it from root."""
    status = Path("/proc/self/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("CapPrm"))
    return bool(int(mask, 16) & _READ_SEARCH)
