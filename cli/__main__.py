"""The program's entry, also as `python -m cli`."""

import os
import signal
import threading
from types import FrameType
from typing import NoReturn

# What is being opened when the signal comes is closed within this, or not at all: nothing was taken up yet.
_LAST_SECONDS = 3.0


def main() -> None:
    """Run a command; SIGTERM ends it with 0 from the first moment on, while the modules are still being imported."""
    signal.signal(signal.SIGTERM, _end)
    from cli.main import main as run_command

    run_command()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Stand in until a process that serves has handlers of its own, which finish what it has begun."""
    last = threading.Timer(_LAST_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
    raise SystemExit(0)


if __name__ == "__main__":
    main()
