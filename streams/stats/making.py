"""Makes records again from Postgres, the truth that they are checked against."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg

from streams.stats import metrics
from streams.stats.derived import derived
from streams.stats.live import LiveRecords
from streams.stats.rows import Rows

# So many are made again in about 50 ms, between which events are counted and views answered.
_AT_ONCE = 100
_LOOKED_AT_AT_ONCE = 1000


class Making:
    """The agent goes on meanwhile: whichever knows of more events wins."""

    def __init__(self, records: LiveRecords, rows: Rows) -> None:
        self._records = records
        self._rows = rows

    async def make(self, ids: Sequence[int]) -> int:
        """Make records again; gives how many differed.

        Raises:
            Unavailable: Postgres does not answer.
        """
        changed = 0
        for begin in range(0, len(ids), _AT_ONCE):
            rows = await self._rows.records(ids[begin : begin + _AT_ONCE])
            changed += sum(self._records.replace(derived(row, self._records.zone, self._records.days_kept)) for row in rows)
        metrics.REPAIRED.inc(changed)
        return changed

    async def pages(self) -> AsyncIterator[list[asyncpg.Record]]:
        """Give pages of the conversations of this worker's partitions.

        Raises:
            Unavailable: Postgres does not answer.
        """
        after = 0
        while page := await self._rows.keys(after):
            after = page[-1]["id"]
            ours = []
            for number, row in enumerate(page):
                if self._records.owns(row["phone_number"]):
                    ours.append(row)
                if number % _LOOKED_AT_AT_ONCE == 0:
                    await asyncio.sleep(0)
            yield ours
