"""Keeps the records whole and few: remakes those that lack something, drops those that ended long ago.

Records that missed an event (the topic no longer reached back, or a process that was thought dead wrote
late), and those missing altogether after an assignment, are remade from Postgres.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from db.readers.statistics import ToldConversation
from process.periodic import every
from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.stats.counting import REPAIRED
from streams.stats.live import LiveRecords
from streams.stats.postgres import Rows, derived
from streams.stats.record import is_over, pruned

_LOOK_EVERY_SECONDS = 0.5
_SWEEP_EVERY_SECONDS = 600.0
_FILLED_AT_ONCE = 100
# Takes a few milliseconds; in between, views answer.
_SWEPT_AT_ONCE = 500
# Takes about 50 ms; in between, events are counted and views answered.
_REMADE_AT_ONCE = 100
_LOOKED_AT_AT_ONCE = 1000


class Remaker:
    """Remaker of records from Postgres while the agent goes on: whichever knows of more events wins."""

    def __init__(self, records: LiveRecords, rows: Rows) -> None:
        self._records = records
        self._rows = rows

    async def make(self, ids: Sequence[int]) -> int:
        """Remake records; return how many differed.

        Raises:
            Unavailable: Postgres does not answer.
        """
        changed = 0
        for begin in range(0, len(ids), _REMADE_AT_ONCE):
            rows = await self._rows.records(ids[begin : begin + _REMADE_AT_ONCE])
            changed += sum(
                self._records.replace(derived(row, self._records.zone, self._records.days_kept))
                for row in rows
            )
        REPAIRED.inc(changed)
        return changed

    async def pages(self) -> AsyncIterator[list[ToldConversation]]:
        """Yield pages of the conversations of this worker's partitions.

        Raises:
            Unavailable: Postgres does not answer.
        """
        after = 0
        while page := await self._rows.keys(after):
            after = page[-1].id
            ours = []
            for number, row in enumerate(page):
                if self._records.owns(row.phone_number):
                    ours.append(row)
                if number % _LOOKED_AT_AT_ONCE == 0:
                    await asyncio.sleep(0)
            yield ours


class Upkeep:
    """Upkeep of the records: `await upkeep.watch()`, until cancelled."""

    def __init__(self, records: LiveRecords, rows: Rows, settings: Settings) -> None:
        self._records = records
        self._rows = rows
        self._remaker = Remaker(records, rows)
        self._closed_kept = timedelta(days=settings.stats_closed_kept_days)
        self._swept_at = float("-inf")

    async def watch(self) -> None:
        """Look regularly until cancelled."""
        problem = "records could not be made again"
        await every(_LOOK_EVERY_SECONDS, self._look, forgive=(Unavailable,), problem=problem)

    async def _look(self) -> None:
        if not self._records.ready:
            return
        if self._records.compared_for != (rebalance := self._records.rebalance):
            await self._compare()
            self._records.compared_for = rebalance
        if self._records.gaps:
            await self._fill(list(self._records.gaps)[:_FILLED_AT_ONCE])
        if (now := asyncio.get_running_loop().time()) - self._swept_at > _SWEEP_EVERY_SECONDS:
            self._swept_at = now
            await self._sweep()

    async def _compare(self) -> None:
        """Make the records that Postgres has and this worker should have, but does not."""
        async for page in self._remaker.pages():
            await self._remaker.make([row.id for row in page if self._records.find(row.phone_number) is None])

    async def _fill(self, keys: Sequence[str]) -> None:
        """Remake records that missed an event; where Postgres has no conversation, it was erased."""
        ids = await self._rows.ids(keys)
        await self._remaker.make(list(ids.values()))
        for key in set(keys) - ids.keys():
            if (record := self._records.find(key)) is not None:
                self._records.remove(record)

    async def _sweep(self) -> None:
        """Evict closed conversations and days that are long past."""
        before, today = (self._records.now() - self._closed_kept).isoformat(), self._records.today()
        for number, record in enumerate(list(self._records.all())):
            if number % _SWEPT_AT_ONCE == 0:
                await asyncio.sleep(0)
            if is_over(record, before):
                self._records.remove(record)
            elif self._records.find(record["phone_number"]) is record:
                fresh = pruned(record, self._records.days_kept, today)
                if fresh["days"] is not record["days"] or fresh["calls"] is not record["calls"]:
                    self._records.replace(fresh)
