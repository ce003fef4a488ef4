"""`make setup`: builds `.venv` with the program in it. Needs only Python, and no network if all is there.

A lock keeps two runs apart. What is installed is recorded at the very end, as the hash of what was requested:
an interrupted run is completed, and a changed requirement is noticed, whatever the files' times say.
"""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
_PYTHON = VENV / "bin" / "python"
_REQUIREMENTS = ROOT / "requirements" / "dev.txt"
_ASKED_FOR = (_REQUIREMENTS, ROOT / "pyproject.toml")
_INSTALLED = VENV / ".installed"
_LEAST = (3, 11)


def main() -> int:
    """Install what is missing; return the exit code."""
    if sys.version_info < _LEAST:
        print(
            f"needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=python3.11 …",
            file=sys.stderr,
        )
        return 2
    VENV.mkdir(exist_ok=True)
    with (VENV / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _fingerprint()
        if _INSTALLED.exists() and _INSTALLED.read_text() == wanted and _works():
            return 0
        try:
            _install()
        except subprocess.CalledProcessError as error:
            print(f"setup failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
            return 1
        _INSTALLED.write_text(wanted)
    return 0


def _fingerprint() -> str:
    # The folder is part of it: an environment does not survive being moved.
    asked_for = [str(ROOT).encode(), *(file.read_bytes() for file in _ASKED_FOR)]
    return hashlib.sha256(b"\0".join(asked_for)).hexdigest()


def _works() -> bool:
    """Return whether the environment's Python still runs; the one it was made with may be gone."""
    try:
        return subprocess.run([_PYTHON, "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _install() -> None:
    _INSTALLED.unlink(missing_ok=True)
    if not _works():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    # Most modules of a hundred packages are never imported; the others are compiled on import.
    pip = [_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*pip, "--require-hashes", "-r", _REQUIREMENTS], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT], check=True)


if __name__ == "__main__":
    raise SystemExit(main())
