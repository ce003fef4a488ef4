"""Keeps the records whole and few: makes those again that lack something, lets those go that ended long ago.

Records are made again from Postgres, the truth they are checked against: one that missed an event (its topic no longer
reached back, or a process that was thought dead wrote late), those that are missing altogether after an assignment, and
all of them when somebody asks for it. The agent goes on meanwhile: whichever knows of more events wins.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.stats import metrics
from streams.stats.derived import derived
from streams.stats.live import LiveRecords
from streams.stats.record import Record, pruned
from streams.stats.rows import Rows

log = structlog.get_logger()

_LOOK_EVERY_SECONDS = 0.5
_SWEEP_EVERY_SECONDS = 600.0
# So many are made again in about 50 ms, between which events are counted and views answered.
_AT_ONCE = 100
_SWEPT_AT_ONCE = 1000


class Upkeep:
    """`rebuilding`: what `/rebuild` tells."""

    def __init__(self, records: LiveRecords, rows: Rows, settings: Settings) -> None:
        self._records = records
        self._rows = rows
        self._closed_kept = timedelta(days=settings.stats_closed_kept_days)
        self._rebuild: asyncio.Task[None] | None = None
        self._swept_at = float("-inf")
        self.rebuilding: dict[str, Any] = {"running": False, "looked_at": 0, "changed": 0, "failed": None}

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
            await self._fill(list(self._records.gaps)[:_AT_ONCE])
        if (now := asyncio.get_running_loop().time()) - self._swept_at > _SWEEP_EVERY_SECONDS:
            self._swept_at = now
            await self._sweep()

    async def _compare(self) -> None:
        """Make what Postgres has and this worker should have, but has not."""
        async for page in self._pages():
            await self._make([row["id"] for row in page if self._records.find(row["phone_number"]) is None])

    async def _fill(self, keys: Sequence[str]) -> None:
        """Make records again that missed an event; where Postgres has no conversation, it was erased."""
        ids = await self._rows.ids(keys)
        await self._make(list(ids.values()))
        for key in set(keys) - ids.keys():
            if (record := self._records.find(key)) is not None:
                self._records.remove(record)

    async def _make(self, ids: Sequence[int]) -> int:
        changed = 0
        for begin in range(0, len(ids), _AT_ONCE):
            rows = await self._rows.records(ids[begin : begin + _AT_ONCE])
            changed += sum(self._records.replace(derived(row, self._records.zone, self._records.days_kept)) for row in rows)
        metrics.REPAIRED.inc(changed)
        return changed

    async def _pages(self) -> Any:  # noqa: ANN401 - an asynchronous generator of rows
        """Give pages of the conversations of this worker's partitions."""
        after = 0
        while page := await self._rows.keys(after):
            after = page[-1]["id"]
            ours = []
            for number, row in enumerate(page):
                if self._records.owns(row["phone_number"]):
                    ours.append(row)
                if number % _SWEPT_AT_ONCE == 0:
                    await asyncio.sleep(0)
            yield ours

    # Asked for.

    def rebuild(self) -> dict[str, Any]:
        """Begin to make all records again, unless that is under way."""
        if self._rebuild is None or self._rebuild.done():
            self.rebuilding = {"running": True, "looked_at": 0, "changed": 0, "failed": None}
            self._rebuild = asyncio.create_task(self._rebuild_all(), name="rebuild")
        return self.rebuilding

    async def _rebuild_all(self) -> None:
        rebalance = self._records.rebalance
        known: set[str] = set()
        try:
            async for page in self._pages():
                known.update(row["phone_number"] for row in page)
                self.rebuilding["changed"] += await self._make([row["id"] for row in page])
                self.rebuilding["looked_at"] += len(page)
            await self._remove_unknown(known)
            if rebalance != self._records.rebalance:
                self.rebuilding["failed"] = "partitions moved meanwhile"
        except Unavailable as error:
            self.rebuilding["failed"] = str(error)
        finally:
            self.rebuilding["running"] = False

    async def _remove_unknown(self, known: set[str]) -> None:
        for record in [record for record in self._records.all() if record["phone_number"] not in known]:
            if not await self._rows.ids([record["phone_number"]]):
                self._records.remove(record)
                self.rebuilding["changed"] += 1

    # Expiry.

    async def _sweep(self) -> None:
        """Let closed conversations and days of long ago go."""
        before, today = (datetime.now(UTC) - self._closed_kept).isoformat(), self._records.today()
        for number, record in enumerate(list(self._records.all())):
            if number % _SWEPT_AT_ONCE == 0:
                await asyncio.sleep(0)
            if is_over(record, before):
                self._records.remove(record)
            elif self._records.find(record["phone_number"]) is record:
                self._records.replace(pruned(record, self._records.days_kept, today))


def is_over(record: Record, before: str) -> bool:
    """Tell whether a conversation ended before a time (ISO 8601, UTC)."""
    return record["status"] == "closed" and (record["last_activity"] or "") < before
