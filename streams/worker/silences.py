"""Silence closes conversations, and gives those back to the agent that no person looks after any more."""

import asyncio

import structlog

from db.pool import POSTGRES_ERRORS, Pool
from db.queries import load
from schemas.settings import Settings

log = structlog.get_logger()
_sql = load("rules")

# Silences are hours; a minute more or less is not seen.
_LOOK_EVERY_SECONDS = 60.0
# A small part of an hour's settings in tests and the like: whoever sets seconds wants to see them.
_LOOKS_A_SILENCE = 10.0
_SHORTEST_LOOK_SECONDS = 0.5
# Rows locked at once; after an upgrade there may be many thousands to close.
_MOST_AT_ONCE = 500
_HOUR = 3600.0


class Silences:
    """Looks after all conversations; several workers may do so at once."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._pool = pool
        self._idle = settings.conversation_idle_close_hours * _HOUR or None
        self._resume = settings.escalated_resume_hours * _HOUR or None
        shortest = min(self._idle or _HOUR, self._resume or _HOUR)
        self._every = max(_SHORTEST_LOOK_SECONDS, min(_LOOK_EVERY_SECONDS, shortest / _LOOKS_A_SILENCE))

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        argument = {"idle_seconds": self._idle, "resume_seconds": self._resume, "most": _MOST_AT_ONCE}
        while True:
            await asyncio.sleep(self._every)
            try:
                if ended := await self._pool.fetchval(_sql.end_silences, argument):
                    log.info("silence ended conversations", conversations=ended)
            except POSTGRES_ERRORS as error:
                log.warning("silences could not be looked up", why=type(error).__name__)
