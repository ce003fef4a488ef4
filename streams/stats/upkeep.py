"""Keeps the records whole and few: makes those again that lack something, lets those go that ended long ago.

One that missed an event (its topic no longer reached back, or a process that was thought dead wrote late), and those that
are missing altogether after an assignment, are made again from Postgres.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.stats.live import LiveRecords
from streams.stats.making import Making
from streams.stats.record import is_over, pruned
from streams.stats.rows import Rows

log = structlog.get_logger()

_LOOK_EVERY_SECONDS = 0.5
_SWEEP_EVERY_SECONDS = 600.0
_FILLED_AT_ONCE = 100
# A few milliseconds, between which views answer.
_SWEPT_AT_ONCE = 500


class Upkeep:
    """`await upkeep.watch()`, until cancelled."""

    def __init__(self, records: LiveRecords, rows: Rows, settings: Settings) -> None:
        self._records = records
        self._rows = rows
        self._making = Making(records, rows)
        self._closed_kept = timedelta(days=settings.stats_closed_kept_days)
        self._swept_at = float("-inf")

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            if not self._records.ready:
                continue
            try:
                await self._look()
            except Unavailable as error:
                log.warning("records could not be made again", why=str(error))

    async def _look(self) -> None:
        if self._records.compared_for != (rebalance := self._records.rebalance):
            await self._compare()
            self._records.compared_for = rebalance
        if self._records.gaps:
            await self._fill(list(self._records.gaps)[:_FILLED_AT_ONCE])
        if (now := asyncio.get_running_loop().time()) - self._swept_at > _SWEEP_EVERY_SECONDS:
            self._swept_at = now
            await self._sweep()

    async def _compare(self) -> None:
        """Make what Postgres has and this worker should have, but has not."""
        async for page in self._making.pages():
            await self._making.make([row["id"] for row in page if self._records.find(row["phone_number"]) is None])

    async def _fill(self, keys: Sequence[str]) -> None:
        """Make records again that missed an event; where Postgres has no conversation, it was erased."""
        ids = await self._rows.ids(keys)
        await self._making.make(list(ids.values()))
        for key in set(keys) - ids.keys():
            if (record := self._records.find(key)) is not None:
                self._records.remove(record)

    async def _sweep(self) -> None:
        """Let closed conversations and days of long ago go."""
        before, today = (datetime.now(UTC) - self._closed_kept).isoformat(), self._records.today()
        for number, record in enumerate(list(self._records.all())):
            if number % _SWEPT_AT_ONCE == 0:
                await asyncio.sleep(0)
            if is_over(record, before):
                self._records.remove(record)
            elif self._records.find(record["phone_number"]) is record:
                fresh = pruned(record, self._records.days_kept, today)
                if fresh["days"] is not record["days"] or fresh["calls"] is not record["calls"]:
                    self._records.replace(fresh)
