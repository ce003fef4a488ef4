"""Notifies the backend, by a signed POST, of what it must act on: an escalation or an opt-out.

It may get an event twice (`X-Event-Id` tells) but misses none, as long as it comes back within a day.
"""

from collections.abc import Callable

import aiohttp
from pydantic_core import to_json

from db.pool import Pool
from db.store.lookups import backend_post
from rules.backend_posts import HEADER, signature
from rules.effects import TellBackend
from rules.inputs import BackendAnswered
from schemas.rows import Json
from schemas.settings import Settings

# The backend's answer to a small POST on its own network.
TIMEOUT = aiohttp.ClientTimeout(total=10.0)


class BackendClient:
    """A client that posts under BACKEND_URL. `seconds`: Unix time, which the signature bears."""

    def __init__(
        self, settings: Settings, pool: Pool, session: aiohttp.ClientSession, seconds: Callable[[], float]
    ) -> None:
        self._seconds = seconds
        self._url = settings.backend_url.rstrip("/") + settings.backend_events_path
        self._secret = settings.backend_webhook_secret or settings.microservice_token
        self._pool = pool
        self._session = session

    async def tell(self, effect: TellBackend) -> BackendAnswered:
        """Post one event."""
        event = await backend_post(self._pool, effect.conversation_id, effect.number)
        problem = None if event is None else await self._problem(event)
        return BackendAnswered(conversation_id=effect.conversation_id, number=effect.number, problem=problem)

    async def _problem(self, event: Json) -> str | None:
        """Return why the backend did not take it, or None."""
        body = to_json(event)
        headers = {"Content-Type": "application/json", "X-Event-Id": str(event["event_id"])}
        if self._secret:
            headers[HEADER] = signature(self._secret, body, int(self._seconds()))
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT
            ) as response:
                return None if 200 <= response.status < 300 else f"HTTP {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__
