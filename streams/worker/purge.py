"""Removes what is kept only for a time: a little at once, so that nobody notices."""

import asyncio

import structlog

from db.pool import POSTGRES_ERRORS, Pool
from db.queries import load
from schemas.retention import journal_remembers
from schemas.settings import Settings

log = structlog.get_logger()
_sql = load("rules")

# Retention is days; what is over it goes within the hour, and a first purge of years takes its time.
_LOOK_EVERY_SECONDS = 300.0
# Some 50 ms of a statement; between two of them the others go on.
_MOST_AT_ONCE = 500
_PAUSE_SECONDS = 0.5
_DAY = 86_400.0


class Purge:
    """Several workers may do it at once; each takes other rows."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._pool = pool
        remembered = journal_remembers(settings)
        self._argument = {
            "message_seconds": settings.message_retention_days * _DAY or None,
            "journal_seconds": remembered.total_seconds() if remembered else None,
            "most": _MOST_AT_ONCE,
        }

    async def work(self) -> None:
        """Remove, until cancelled."""
        while True:
            for sql in (_sql.purge_messages, _sql.purge_journal):
                try:
                    await self._empty(sql)
                except POSTGRES_ERRORS as error:
                    log.warning("old rows could not be removed", why=type(error).__name__)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _empty(self, sql: str) -> None:
        while await self._pool.fetchval(sql, self._argument):
            await asyncio.sleep(_PAUSE_SECONDS)
