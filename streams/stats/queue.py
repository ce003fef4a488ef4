"""The `queue` object of `/stats`: events not yet taken up, being worked on, and done or failed today."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from db.pool import POSTGRES_ERRORS, Pool
from db.queries import load
from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.stats.lag import Lag

_sql = load("stats")
# Whoever asks for `/stats` gives up after 1 s.
_LOOK_UP_SECONDS = 0.7
# A step's transaction takes milliseconds, and is cut off after 10 s: what ended before this is all there.
_SETTLED = timedelta(seconds=30)
# How much is counted anew each time: what ended since then.
_COUNT_ON_AFTER = timedelta(seconds=60)


class Queue:
    """Kafka knows what stands there, Postgres what was taken up.

    Turns that ended are counted once: a day has hundreds of thousands, of which each look reads those of a minute.
    """

    def __init__(self, settings: Settings, pool: Pool, lag: Lag) -> None:
        self._zone = ZoneInfo(settings.stats_timezone)
        self._pool = pool
        self._lag = lag
        self._counting = asyncio.Lock()
        self._until = datetime.min
        self._before = {"completed": 0, "failed": 0}

    async def figures(self) -> dict[str, int]:
        """Give the four figures, and besides `unread` (Kafka's part of `waiting`) and `dead_letters_last_hour`.

        Turns are counted: a burst that shares one answer is one.

        Kafka's part of `waiting` counts what is committed, which follows what is done within a second; the events of open
        turns stand behind the committed offset too, and are taken off, because they are `active`.

        Raises:
            Unavailable: Kafka or Postgres does not answer in time.
        """
        now = datetime.now(UTC)
        async with self._counting:
            await self._count_on(now)
        unfinished, dead, row = await asyncio.gather(
            self._lag.unfinished(), self._lag.dead_letters(), self._row(_sql.queue, self._until)
        )
        unread = max(0, unfinished - row["taken"])
        return {
            "waiting": unread + row["stored"],
            "active": row["active"],
            **{name: count + row[name] for name, count in self._before.items()},
            "unread": unread,
            "dead_letters_last_hour": dead,
        }

    async def _count_on(self, now: datetime) -> None:
        """Count what ended since the last time, up to what is settled; a new day begins with nothing."""
        day = datetime.combine(now.astimezone(self._zone).date(), time(), self._zone).astimezone(UTC).replace(tzinfo=None)
        if self._until < day:
            self._until, self._before = day, {"completed": 0, "failed": 0}
        until = now.replace(tzinfo=None) - _SETTLED
        if until - self._until < _COUNT_ON_AFTER:
            return
        row = await self._row(_sql.ended, self._until, until)
        self._before = {name: count + row[name] for name, count in self._before.items()}
        self._until = until

    async def _row(self, sql: str, *arguments: object) -> asyncpg.Record:
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                row = await self._pool.fetchrow(sql, *arguments)
        except POSTGRES_ERRORS as error:
            raise Unavailable("Postgres does not answer") from error
        assert row is not None, "an aggregate has a row"
        return row
