"""Light probes of Twilio and ElevenLabs: do they answer, and do they know our credentials?"""

import aiohttp

from schemas.settings import Settings

# Under the 5 s that a probe's result may be old, with the pause between probes.
_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
_REFUSED = frozenset({401, 403})


class Vendors:
    """Probes give "ok", "error" (credentials missing or refused, or the vendor fails) or "disconnected"."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def twilio(self) -> str:
        account, token = self._settings.twilio_account_sid, self._settings.twilio_auth_token
        if not account or not token:
            return "error"
        url = f"{self._settings.twilio_api_base_url.rstrip('/')}/2010-04-01/Accounts/{account}.json"
        return await self._probe(url, {"Authorization": aiohttp.encode_basic_auth(account, token)})

    async def elevenlabs(self) -> str:
        key = self._settings.elevenlabs_api_key
        if not key:
            return "error"
        url = f"{self._settings.elevenlabs_api_base_url.rstrip('/')}/v1/convai/agents?page_size=1"
        return await self._probe(url, {"xi-api-key": key})

    async def _probe(self, url: str, headers: dict[str, str]) -> str:
        """Any answer but a refusal or the vendor's own failure will do: not every deployment has this very path."""
        try:
            async with self._session.get(url, headers=headers, timeout=_TIMEOUT) as response:
                return "error" if response.status in _REFUSED or response.status >= 500 else "ok"
        except (aiohttp.ClientError, TimeoutError):
            return "disconnected"
