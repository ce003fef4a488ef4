"""The program's entry, also as `python -m cli`."""

import os
import signal
import threading
from types import FrameType
from typing import NoReturn

# After SIGTERM, what is being opened has this long to close. We then exit anyway: no work was taken up yet.
_LAST_SECONDS = 3.0


def main() -> None:
    """Run a command. SIGTERM ends it with 0 from the very start, even while modules are being imported."""
    signal.signal(signal.SIGTERM, _end)
    from cli.main import main as run_command

    run_command()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM until a serving process has its own handlers, which finish what it has begun."""
    last = threading.Timer(_LAST_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
    raise SystemExit(0)


if __name__ == "__main__":
    main()
