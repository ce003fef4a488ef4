"""A simulated Twilio: `await start(TwilioSettings(…))` in tests, `python -m local.twilio` as a process."""

from local.server import Running
from local.server import start as _serve
from local.twilio.api import TwilioSimulator
from local.twilio.settings import Behaviour, TwilioSettings

__all__ = ["Behaviour", "Running", "TwilioSettings", "TwilioSimulator", "start"]


async def start(settings: TwilioSettings) -> Running:
    """Serve an account on loopback; the result has `.url` and `.stop()`."""
    return await _serve(TwilioSimulator(settings).application(), settings.port)
