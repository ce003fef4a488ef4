"""The `queue` object of `/stats`: events not yet taken up, being worked on, and done or failed today."""

import asyncio

import asyncpg

from db.pool import POSTGRES_ERRORS, Pool
from db.queries import load
from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.stats.lag import Lag

_sql = load("stats")
# Whoever asks for `/stats` gives up after 1 s.
_LOOK_UP_SECONDS = 0.7


class Queue:
    """Kafka knows what stands there, Postgres what was taken up."""

    def __init__(self, settings: Settings, pool: Pool, lag: Lag) -> None:
        self._settings = settings
        self._pool = pool
        self._lag = lag

    async def figures(self) -> dict[str, int]:
        """Give the four figures. Turns are counted: a burst that shares one answer is one.

        Kafka's part of `waiting` counts what is committed, which follows what is done within a second; the events of open
        turns stand behind the committed offset too, and are taken off, because they are `active`.

        Raises:
            Unavailable: Kafka or Postgres does not answer in time.
        """
        unfinished, row = await asyncio.gather(self._lag.unfinished(), self._row())
        return {
            "waiting": max(0, unfinished - row["taken"]) + row["stored"],
            **{name: row[name] for name in ("active", "completed", "failed")},
        }

    async def _row(self) -> asyncpg.Record:
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                row = await self._pool.fetchrow(_sql.queue, self._settings.stats_timezone)
        except POSTGRES_ERRORS as error:
            raise Unavailable("Postgres does not answer") from error
        assert row is not None, "an aggregate has a row"
        return row
