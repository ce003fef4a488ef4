"""ElevenLabs' HTTP API: one workspace's connection, shared by all who use it."""

import aiohttp

from clients.elevenlabs.errors import VENDOR, refused
from clients.http import BROKE_OFF, ask, timeouts
from clients.vendor_json import Json
from schemas.errors import RetryableError
from schemas.settings import Settings

# ElevenLabs ends an agent's turn after 20 s (llm_timeout); 30 s is the whole turn's deadline.
TIMEOUT = timeouts(read_seconds=25.0, whole_seconds=30.0)
BEGIN_SECONDS = 5.0
"""A signed URL and a handshake take about 0.3 s each; after this long it is better to ask again."""
_OK = range(200, 300)
# The lightest request that needs the key: any agent will do, and most workspaces have one.
_PROBE_PATH = "/v1/convai/agents?page_size=1"


class ElevenLabsApi:
    """One workspace over one kept-alive session."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self.base = settings.elevenlabs_api_base_url.rstrip("/")
        self.headers = {"xi-api-key": settings.elevenlabs_api_key or ""}
        self.session = session

    async def get(
        self, path: str, params: dict[str, str] | None = None, timeout: aiohttp.ClientTimeout | None = None
    ) -> Json:
        """Get a JSON object. `timeout` None: the session's.

        Raises:
            RetryableError: no readable answer, or our key is refused; `retry_after` says how long to wait.
            NotThere, Forbidden, TerminalError: refused.
        """
        return await self._request("GET", path, params=params, timeout=timeout)

    async def post(self, path: str, body: Json) -> Json:
        """Post a JSON object and return the answer's; raises like `get`."""
        return await self._request("POST", path, body=body)

    async def probe(self, timeout: aiohttp.ClientTimeout) -> int:
        """Return the status of the lightest request that needs our key.

        Raises:
            BROKE_OFF: ElevenLabs cannot be reached.
        """
        url = f"{self.base}{_PROBE_PATH}"
        return (await ask(self.session, "GET", url, headers=self.headers, timeout=timeout)).status

    async def _request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Json | None = None,
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> Json:
        url = f"{self.base}{path}"
        try:
            answer = await ask(
                self.session, method, url, params=params, json=body, headers=self.headers, timeout=timeout
            )
        except BROKE_OFF as error:
            raise RetryableError(VENDOR, f"broke off: {type(error).__name__}") from error
        if answer.status not in _OK:
            raise refused(answer.status, answer.body, answer.retry_after)
        try:
            return answer.json()
        except ValueError as error:
            raise RetryableError(VENDOR, "answered no JSON object") from error
