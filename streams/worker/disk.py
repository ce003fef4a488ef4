"""Whether files can be written. The worker needs none but its log, and goes on without it; somebody should know."""

import os
from pathlib import Path
from tempfile import TemporaryFile

# More than what a full file system keeps back for small writes.
_SIZE = 4096


def disk_problem(folder: Path) -> str | None:
    """Try to write a little; return the system's words for why it cannot."""
    try:
        with TemporaryFile(dir=folder, buffering=0) as file:
            written = file.write(bytes(_SIZE))
            file.write(bytes(_SIZE - written))  # of what fits in part, the rest says why
    except OSError as error:
        return os.strerror(error.errno or 0)
    return None
