"""Twilio and ElevenLabs: do they answer a light probe, know our credentials, and do what the workers ask of them?"""

from collections.abc import Awaitable, Callable, Collection

import aiohttp

from clients.elevenlabs.api import ElevenLabsApi
from clients.http import BROKE_OFF
from clients.twilio.api import TwilioApi
from schemas.settings import Settings

# Under the 5 s that a probe's result may be old, with the pause between probes.
_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
_REFUSED = frozenset({401, 403})


class Vendors:
    """Probes give "ok", "error" (credentials missing or refused, or the vendor fails) or "disconnected".

    `failing`: gives the vendors at which the workers' newest calls failed.
    """

    def __init__(
        self,
        settings: Settings,
        twilio: TwilioApi,
        elevenlabs: ElevenLabsApi,
        failing: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self._twilio_is_set = bool(settings.twilio_account_sid and settings.twilio_auth_token)
        self._elevenlabs_is_set = bool(settings.elevenlabs_api_key)
        self._twilio = twilio
        self._elevenlabs = elevenlabs
        self._failing = failing

    async def twilio(self) -> str:
        return await self._probe("twilio", self._twilio.probe) if self._twilio_is_set else "error"

    async def elevenlabs(self) -> str:
        return await self._probe("elevenlabs", self._elevenlabs.probe) if self._elevenlabs_is_set else "error"

    async def _probe(self, vendor: str, probe: Callable[[aiohttp.ClientTimeout], Awaitable[int]]) -> str:
        """Any answer but a refusal or the vendor's own failure will do: not every deployment has this very path."""
        try:
            status = await probe(_TIMEOUT)
        except BROKE_OFF:
            return "disconnected"
        fails = status in _REFUSED or status >= 500 or vendor in self._failing()
        return "error" if fails else "ok"
