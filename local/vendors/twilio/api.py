"""The simulated Twilio as a web application."""

from aiohttp import web

from local.vendors.twilio.control import Control
from local.vendors.twilio.routes import add_routes
from local.vendors.twilio.simulator import TwilioSimulator

# As the largest message with ten files of a client, base64 in JSON.
_LARGEST_REQUEST = 64 * 1024 * 1024


def application(simulator: TwilioSimulator) -> web.Application:
    """Build it: Twilio's routes, and `/_sim/…` to steer it."""
    app = web.Application(client_max_size=_LARGEST_REQUEST)
    add_routes(app, simulator)
    Control(simulator).add_routes(app)
    app.on_cleanup.append(simulator.close)
    return app
