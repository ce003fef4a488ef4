"""Writes events to the spool in groups: Postgres commits transactions that notify one after the other.

One event at a time, at the disk's own pace, is too slow for a Kafka outage under load.
"""

import asyncio
from collections.abc import Sequence

from db.queries import load
from schemas.errors import Unavailable
from web.database import Database

_sql = load("gateway")

# With the look-up of earlier events (1.5 s) and Kafka's 3 s this stays under the backend's 10 s.
_STORE_SECONDS = 2.5

Event = tuple[str, str, bytes, str, str | None]
"""Topic, key, value, request id, trace."""
Waiting = tuple[Event, asyncio.Future[None]]


class SpoolWriter:
    """Writes one group at a time: what came while the previous one was written, in the order of the calls."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Waiting] = []
        self._working: asyncio.Task[None] | None = None

    async def write(self, event: Event) -> None:
        """Write an event; return when it is committed.

        Raises:
            Unavailable: Postgres does not answer; it may be written all the same.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, written))
        if self._working is None:
            self._working = asyncio.create_task(self._work(), name="spool")
        await self._database.bounded(_end(written), _STORE_SECONDS)

    async def _work(self) -> None:
        try:
            while self._waiting:
                group = [each for each in self._waiting if not each[1].done()]  # without those who gave up
                self._waiting = []
                if group:
                    await self._write(group)
        finally:
            self._working = None

    async def _write(self, group: Sequence[Waiting]) -> None:
        columns = zip(*(event for event, _ in group), strict=True)
        try:
            await self._database.bounded(self._database.pool.execute(_sql.spool, *columns), _STORE_SECONDS)
        except Exception as error:  # noqa: BLE001 - handed to those who wait: nobody may wait in vain
            _settle(group, error)
        else:
            _settle(group, None)


async def _end(written: asyncio.Future[None]) -> None:
    await written


def _settle(group: Sequence[Waiting], error: Exception | None) -> None:
    for _, written in group:
        if written.done():
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error if isinstance(error, Unavailable) else Unavailable(str(error)))
