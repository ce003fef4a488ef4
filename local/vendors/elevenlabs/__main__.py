"""Run the simulated ElevenLabs as a process: `python -m local.vendors.elevenlabs`."""

import asyncio

import typer

from local.server import serve
from local.vendors.elevenlabs.routes import application
from local.vendors.elevenlabs.simulator import ElevenLabsSimulator


def main(
    api_key: str = typer.Option(..., envvar="ELEVENLABS_API_KEY"), rest: bool = False, port: int = 0
) -> None:
    """Serve until SIGTERM."""
    asyncio.run(serve(application(ElevenLabsSimulator(api_key, rest=rest)), port))


typer.run(main)
