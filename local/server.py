"""Runs a simulator as a separate process: prints one JSON line when ready, stops on SIGTERM."""

import asyncio
import json
import signal
from dataclasses import dataclass

from aiohttp import web

LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Running:
    """A server on loopback."""

    runner: web.AppRunner
    url: str

    async def stop(self) -> None:
        await self.runner.cleanup()


async def start(application: web.Application, port: int) -> Running:
    """Serve on loopback; port 0 picks a free one."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, port)
    await site.start()
    bound = runner.addresses[0][1]
    return Running(runner, f"http://{LOOPBACK}:{bound}")


async def serve(application: web.Application, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = await start(application, port)
    print(json.dumps({"url": running.url}), flush=True)
    await stop.wait()
    await running.stop()
