"""Run a PostgreSQL server as a separate process: `python -m local.postgres`.

It prints one JSON line once it answers, and stops on SIGTERM.
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

from local.postgres.server import start_postgres


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.postgres", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> int:
    """Serve until a signal (return 0), or until the server ends by itself (return 1)."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    postgres = await start_postgres(arguments.data_dir, arguments.port)
    print(json.dumps({"dsn": postgres.dsn, "pid": postgres.pid}), flush=True)  # noqa: T201
    stopped, ended = asyncio.create_task(stop.wait()), asyncio.create_task(postgres.process.wait())
    await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopped, ended):
        task.cancel()
    await postgres.stop()
    return 0 if stop.is_set() else 1


if __name__ == "__main__":
    raise SystemExit(asyncio.run(_serve(_arguments())))
