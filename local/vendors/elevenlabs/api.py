"""The simulated ElevenLabs as a web application."""

from aiohttp import web

from local.vendors.elevenlabs.control import Control
from local.vendors.elevenlabs.routes import add_routes
from local.vendors.elevenlabs.simulator import ElevenLabsSimulator


def application(simulator: ElevenLabsSimulator) -> web.Application:
    """Build it: ElevenLabs' routes, and `/_sim/…` to steer it."""
    app = web.Application()
    add_routes(app, simulator)
    Control(simulator).add_routes(app)
    app.on_cleanup.append(simulator.close)
    return app
