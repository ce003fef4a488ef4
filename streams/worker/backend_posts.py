"""Tells the backend by HTTP what it must act on: an escalation, an opt-out.

Each is written with its event in one transaction and kept until the backend has answered 2xx, so the backend may get one
twice (`X-Event-Id` tells), never not at all, as long as it comes back within a day.
"""

import asyncio
import time

import aiohttp
import asyncpg
import structlog
from pydantic_core import to_json

from db.pool import POSTGRES_ERRORS, Pool
from db.queries import load
from schemas.settings import NO_TEXT, Settings
from streams.conversation.backend_signature import HEADER, signature
from streams.journal.ownership import Ownership

log = structlog.get_logger()
_sql = load("rules")

# How late the backend hears of an escalation at most; each look is one query on a table that is mostly empty.
_LOOK_EVERY_SECONDS = 1.0
_MOST_AT_ONCE = 20
_FIRST_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 300.0
# A backend that has been away for longer has been told by the topic meanwhile, or is not there at all.
_LONGEST_SECONDS = 24 * 3600.0
# The backend's answer to a small POST on its own network.
_TIMEOUT = aiohttp.ClientTimeout(total=10.0)


class BackendPosts:
    """Posts what is due for this worker's partitions."""

    def __init__(self, settings: Settings, pool: Pool, ownership: Ownership) -> None:
        self._url = settings.backend_url.rstrip("/") + settings.backend_events_path
        self._secret = settings.backend_webhook_secret or settings.microservice_token
        self._wanted = {name.strip() for name in settings.backend_events.split(",")} - {NO_TEXT}
        self._pool = pool
        self._ownership = ownership

    async def work(self) -> None:
        """Post, until cancelled."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session:
            while True:
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
                try:
                    await self._look(session)
                except POSTGRES_ERRORS as error:
                    log.warning("the backend's messages could not be looked up", why=type(error).__name__)

    async def _look(self, session: aiohttp.ClientSession) -> None:
        rows = await self._pool.fetch(_sql.due_posts, self._ownership.partitions, _MOST_AT_ONCE)
        await asyncio.gather(*(self._post(session, row) for row in rows))

    async def _post(self, session: aiohttp.ClientSession, row: asyncpg.Record) -> None:
        event = row["payload"]
        problem = await self._problem(session, event) if event["type"] in self._wanted else None
        if problem is None:
            await self._pool.execute(_sql.posted, row["id"])
        elif row["age_seconds"] > _LONGEST_SECONDS:
            log.error(
                "the backend was not told and will not be", event_id=event["event_id"], type=event["type"], why=problem
            )
            await self._pool.execute(_sql.posted, row["id"])
        else:
            if row["tries"] == 0:
                log.warning("the backend is told later", event_id=event["event_id"], type=event["type"], why=problem)
            seconds = min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2.0 ** min(row["tries"], 10))
            await self._pool.execute(_sql.post_later, row["id"], seconds)

    async def _problem(self, session: aiohttp.ClientSession, event: dict[str, object]) -> str | None:
        """Post one; gives why it did not arrive, or None."""
        body = to_json(event)
        headers = {"Content-Type": "application/json", "X-Event-Id": str(event["event_id"])}
        if self._secret:
            headers[HEADER] = signature(self._secret, body, int(time.time()))
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                return None if 200 <= response.status < 300 else f"HTTP {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__
