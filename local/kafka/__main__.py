"""Run a broker as a separate process: `python -m local.kafka`.

It prints one JSON line once it answers, and stops on SIGTERM.
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

from local.kafka.server import DEFAULT_JARS, start_kafka


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.kafka", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--jars", type=Path, default=DEFAULT_JARS)
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> int:
    """Serve until a signal (return 0), or until the broker ends by itself (return 1)."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    kafka = await start_kafka(arguments.data_dir, arguments.jars, port=arguments.port)
    print(  # noqa: T201
        json.dumps({"bootstrap_servers": kafka.bootstrap_servers, "kind": kafka.kind, "pid": kafka.pid}),
        flush=True,
    )
    stopped, ended = asyncio.create_task(stop.wait()), asyncio.create_task(kafka.process.wait())
    await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopped, ended):
        task.cancel()
    await kafka.stop()
    return 0 if stop.is_set() else 1


if __name__ == "__main__":
    raise SystemExit(asyncio.run(_serve(_arguments())))
