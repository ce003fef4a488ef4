"""`GET /health`, `/live`, `/ready`: from probes made in the background, never one per request."""

import asyncio
import time

import aiohttp
import asyncpg
from aiohttp import web

from db.pool import Pool
from schemas.settings import Settings
from web.publisher import Publisher

SERVICE = "whatsapp-microservice"
VERSION = "1.0.0"
# An outage must show within 10 s: one round of probes and its time-outs fit in.
_PROBE_EVERY_SECONDS = 4.0
_PROBE_TIMEOUT = aiohttp.ClientTimeout(total=3.0)
_GOOD = frozenset({"connected", "ok"})


class Health:
    """Knows how the dependencies are."""

    def __init__(self, settings: Settings, pool: Pool, publisher: Publisher, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._pool = pool
        self._publisher = publisher
        self._session = session
        self._begun = time.monotonic()
        self._found = {"database": "disconnected", "kafka": "disconnected", "twilio": "error", "elevenlabs": "error"}

    async def watch(self) -> None:
        """Probe again and again, until cancelled."""
        while True:
            await self._probe()
            await asyncio.sleep(_PROBE_EVERY_SECONDS)

    async def health(self, request: web.Request) -> web.Response:
        """Answer the contract's health; 503 when events cannot be accepted."""
        found = self._found | {"kafka": "connected" if self._publisher.kafka_answers else "disconnected"}
        good = all(state in _GOOD for state in found.values())
        body = {
            "status": "ok" if good else "degraded", "service": SERVICE, "version": VERSION,
            "uptime": int(time.monotonic() - self._begun), "dependencies": found,
        }  # fmt: skip
        return web.json_response(body, status=200 if self._accepts(found) else 503)

    async def live(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        ready = self._accepts(self._found | {"kafka": "connected" if self._publisher.kafka_answers else "away"})
        return web.json_response({"ready": ready}, status=200 if ready else 503)

    @staticmethod
    def _accepts(found: dict[str, str]) -> bool:
        return "connected" in (found["kafka"], found["database"])

    async def _probe(self) -> None:
        settings, account = self._settings, self._settings.twilio_account_sid
        twilio = f"{settings.twilio_api_base_url}/2010-04-01/Accounts/{account}.json"
        auth = aiohttp.encode_basic_auth(account or "", settings.twilio_auth_token or "")
        elevenlabs = f"{settings.elevenlabs_api_base_url}/v1/convai/agents?page_size=1"
        key = settings.elevenlabs_api_key
        self._found = {
            "database": await self._database(),
            "kafka": "disconnected",
            "twilio": await self._vendor(twilio, {"Authorization": auth}) if account else "error",
            "elevenlabs": await self._vendor(elevenlabs, {"xi-api-key": key}) if key else "error",
        }

    async def _database(self) -> str:
        try:
            await self._pool.fetchval("SELECT 1", timeout=_PROBE_TIMEOUT.total)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return "disconnected"
        return "connected"

    async def _vendor(self, url: str, headers: dict[str, str]) -> str:
        """Any answer but a refusal of the credentials or the vendor's own failure shows that it can be worked with."""
        try:
            async with self._session.get(url, headers=headers, timeout=_PROBE_TIMEOUT) as response:
                return "error" if response.status in (401, 403) or response.status >= 500 else "ok"
        except (aiohttp.ClientError, TimeoutError):
            return "disconnected"
