"""The outcome of a call's first message, as the worker's rows tell it; a notification says when to look."""

import asyncio
from typing import Any

import asyncpg
import structlog

from db.pool import Connection, Pool
from db.queries import load
from schemas.settings import Settings

log = structlog.get_logger()
_sql = load("gateway")

_CHANNEL = "call_outcome"
# A lost notification costs at most this.
_LOOK_EVERY_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0


class Outcomes:
    """Waits for turns to end."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._dsn = settings.database_url
        self._pool = pool
        self._waiting: dict[str, set[asyncio.Event]] = {}

    async def get(self, event_id: str) -> asyncpg.Record | None:
        """Give the row of a call (`state`, `conversation_id`, `error`, `sid`), or None while there is none."""
        return await self._pool.fetchrow(_sql.call_outcome, event_id)

    async def wait(self, event_id: str, seconds: float) -> asyncpg.Record | None:
        """Wait for the turn's end, at most so long; gives the newest row there is."""
        told = asyncio.Event()
        self._waiting.setdefault(event_id, set()).add(told)
        row = None
        try:
            async with asyncio.timeout(seconds):
                while (row := await self.get(event_id)) is None or row["state"] not in ("done", "failed"):
                    await self._until_told(told)
        except TimeoutError:
            pass
        finally:
            self._forget(event_id, told)
        return row

    async def listen(self) -> None:
        """Listen for notifications until cancelled."""
        while True:
            try:
                connection = await asyncpg.connect(self._dsn)
                closed = asyncio.Event()
                connection.add_termination_listener(lambda _, closed=closed: closed.set())
                await connection.add_listener(_CHANNEL, self._told)
                await closed.wait()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("notifications are away", why=type(error).__name__)
            await asyncio.sleep(_RECONNECT_SECONDS)

    def _told(self, connection: Connection, pid: int, channel: str, payload: Any) -> None:  # noqa: ANN401
        for event in self._waiting.get(payload, ()):
            event.set()

    def _forget(self, event_id: str, told: asyncio.Event) -> None:
        self._waiting[event_id].discard(told)
        if not self._waiting[event_id]:
            del self._waiting[event_id]

    @staticmethod
    async def _until_told(told: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                await told.wait()
        except TimeoutError:
            return
        told.clear()
