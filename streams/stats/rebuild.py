"""`stats --rebuild`: remakes all records while the agent goes on, from the topic as far back as it reaches.

A conversation whose events the topic still has from the first one on is folded again by this build's rules.
Any other is made from Postgres, and so are all if somebody wants that (Postgres was corrected by hand).
"""

import asyncio
from datetime import timedelta
from typing import Any

from schemas.errors import InvalidInput, Unavailable
from schemas.settings import Settings
from streams.stats.event_log import EventLog
from streams.stats.live import LiveRecords
from streams.stats.postgres import Rows
from streams.stats.record import has_begun, is_over
from streams.stats.upkeep import Remaker

TOPIC, POSTGRES = SOURCES = ("topic", "postgres")

_LOOK_AGAIN_SECONDS = 0.2
# A record may know of an event still on its way to the topic; one that waits longer is made from Postgres.
_PATIENCE_SECONDS = 10.0
_REPLACED_AT_ONCE = 100

Progress = dict[str, Any]


def source_of(text: str) -> str:
    """Read what records are to be made from.

    Raises:
        InvalidInput: neither the topic nor Postgres.
    """
    if text not in SOURCES:
        raise InvalidInput("source", f"must be one of {', '.join(SOURCES)}")
    return text


class Rebuild:
    """Rebuild of all records. `progress`: what `/rebuild` shows of the last one.

    Its `from_topic` and `from_postgres` count conversations, by what was used.
    """

    def __init__(self, settings: Settings, records: LiveRecords, rows: Rows) -> None:
        self._settings = settings
        self._records = records
        self._rows = rows
        self._remaker = Remaker(records, rows)
        self._closed_kept = timedelta(days=settings.stats_closed_kept_days)
        self._task: asyncio.Task[None] | None = None
        self.progress = _progress(running=False)

    def begin(self, source: str) -> Progress:
        """Begin, unless one is under way."""
        if self._task is None or self._task.done():
            self.progress = _progress(running=True)
            self._task = asyncio.create_task(self._run(source), name="rebuild")
        return self.progress

    async def _run(self, source: str) -> None:
        rebalance = self._records.rebalance
        try:
            made = await self._from_topic() if source == TOPIC else set()
            await self._from_postgres(made)
            if rebalance != self._records.rebalance:
                self.progress["failed"] = "partitions moved meanwhile"
        except Unavailable as error:
            self.progress["failed"] = str(error)
        except BaseException as error:
            self.progress["failed"] = type(error).__name__
            raise
        finally:
            self.progress["running"] = False

    async def _from_topic(self) -> set[str]:
        """Remake records from the topic; return the numbers whose records are as it tells."""
        made: set[str] = set()
        for partition in sorted(self._records.active()):
            async with EventLog(self._settings, self._records, partition) as log:
                made |= await self._settle(log)
        return made

    async def _settle(self, log: EventLog) -> set[str]:
        """Replace each record at a moment when the log is read at least as far as the agent has counted."""
        loop, made, progress = asyncio.get_running_loop(), set[str](), await log.read_on()
        ends = loop.time() + _PATIENCE_SECONDS
        while True:
            left = [key for key, record in log.found.items() if key not in made and not record["gap"]]
            for number, key in enumerate(left, 1):
                if not self._records.is_newer(key, log.found[key]):
                    self._put(log.found[key])
                    made.add(key)
                if number % _REPLACED_AT_ONCE == 0:
                    await asyncio.sleep(0)
            if len(made) == sum(not record["gap"] for record in log.found.values()) or loop.time() > ends:
                return made
            if not progress:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            progress = await log.read_on()

    def _put(self, record: dict[str, Any]) -> None:
        """Put a record in place; a conversation that ended long ago is not brought back."""
        key = record["phone_number"]
        former = self._records.find(key)
        if is_over(record, (self._records.now() - self._closed_kept).isoformat()):
            changed = former is not None and self._records.remove(former)
        else:
            changed = self._records.replace(record)
        self.progress["changed"] += changed
        self.progress["looked_at"] += 1
        self.progress["from_topic"] += 1

    async def _from_postgres(self, made: set[str]) -> None:
        known = set(made)
        async for page in self._remaker.pages():
            rest = [row for row in page if row.phone_number not in made]
            known.update(row.phone_number for row in rest)
            self.progress["changed"] += await self._remaker.make([row.id for row in rest])
            self.progress["looked_at"] += len(rest)
            self.progress["from_postgres"] += len(rest)
        await self._remove_unknown(known)

    async def _remove_unknown(self, known: set[str]) -> None:
        for record in [
            each for each in self._records.all() if has_begun(each) and each["phone_number"] not in known
        ]:
            if not await self._rows.ids([record["phone_number"]]):
                self.progress["changed"] += self._records.remove(record)


def _progress(*, running: bool) -> Progress:
    counts = dict.fromkeys(("looked_at", "changed", "from_topic", "from_postgres"), 0)
    return {"running": running, **counts, "failed": None}
