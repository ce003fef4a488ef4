"""Twilio and ElevenLabs: do they answer a light probe, know our credentials, and do what the workers ask of them?"""

from collections.abc import Callable, Collection

import aiohttp

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
        session: aiohttp.ClientSession,
        failing: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self._settings = settings
        self._failing = failing
        self._session = session

    async def twilio(self) -> str:
        account, token = self._settings.twilio_account_sid, self._settings.twilio_auth_token
        if not account or not token:
            return "error"
        url = f"{self._settings.twilio_api_base_url.rstrip('/')}/2010-04-01/Accounts/{account}.json"
        return await self._probe("twilio", url, {"Authorization": aiohttp.encode_basic_auth(account, token)})

    async def elevenlabs(self) -> str:
        key = self._settings.elevenlabs_api_key
        if not key:
            return "error"
        url = f"{self._settings.elevenlabs_api_base_url.rstrip('/')}/v1/convai/agents?page_size=1"
        return await self._probe("elevenlabs", url, {"xi-api-key": key})

    async def _probe(self, vendor: str, url: str, headers: dict[str, str]) -> str:
        """Any answer but a refusal or the vendor's own failure will do: not every deployment has this very path."""
        try:
            async with self._session.get(url, headers=headers, timeout=_TIMEOUT) as response:
                fails = response.status in _REFUSED or response.status >= 500 or vendor in self._failing()
                return "error" if fails else "ok"
        except (aiohttp.ClientError, TimeoutError):
            return "disconnected"
