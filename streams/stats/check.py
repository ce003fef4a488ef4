"""Compares the live records with Postgres: per conversation, and in sums.

An event that Postgres has may still be on its way to the tables. A record that lacks it is looked at again;
if it still lacks it when nothing is on its way any more, that is a difference.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from clients.kafka.producer import partition_of
from clients.views import StatsClient
from db.readers.statistics import WholeConversation
from schemas.phone import masked
from schemas.settings import Settings
from streams.stats.event import utc
from streams.stats.postgres import Rows, derived
from streams.stats.queue import EventLag
from streams.stats.record import Record, has_begun, is_over, pruned

_LOOK_AGAIN_SECONDS = 0.5
_ROWS_AT_ONCE = 200
_NOT_COMPARED = frozenset({"partition", "gap", "phone_number"})
_OF_ALL_EVENTS = frozenset(
    {"received", "sent", "failed", "waiting_since", "last_activity", "agent_id", "group_id"}
)
"""Fields that the tables still know when Postgres no longer does.

It has dropped the events, or a build before the log has dropped the messages.
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """`conversation`: its number, masked; `field`: a key of the record, or what is missing entirely."""

    conversation: str
    field: str
    tables: Any
    postgres: Any


@dataclass(slots=True)
class Comparison:
    """`pending`: conversations not compared, because events were on their way when patience ended."""

    conversations: int = 0
    pending: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        return not self.pending and not self.differences


class Check:
    """One comparison. `patience`: how many seconds it waits for events on their way."""

    def __init__(
        self, settings: Settings, client: StatsClient, rows: Rows, lag: EventLag, patience: float
    ) -> None:
        self._zone = ZoneInfo(settings.stats_timezone)
        self._kept = settings.stats_days_kept
        self._closed_kept = timedelta(days=settings.stats_closed_kept_days)
        days = settings.message_retention_days
        self._messages_kept = timedelta(days=days) if days else None
        self._client = client
        self._rows = rows
        self._lag = lag
        self._patience = patience
        #: What Postgres had at the last look of conversations whose records lacked some of it, by number.
        self._lacked: dict[str, int] = {}

    async def compare(self) -> Comparison:
        """Compare every conversation.

        Raises:
            Unavailable: no stats worker, Postgres or Kafka answers.
        """
        ends = asyncio.get_running_loop().time() + self._patience
        result = Comparison()
        partitions = await self._client.partitions()
        for partition in range(partitions):
            await self._partition(partition, partitions, result, ends)
        return result

    async def _partition(self, partition: int, partitions: int, result: Comparison, ends: float) -> None:
        while True:
            on_their_way = await self._lag.of(partition)
            found = await self._look(partition, partitions, on_their_way > 0)
            if not found.pending or asyncio.get_running_loop().time() >= ends:
                break
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        result.conversations += found.conversations
        result.pending += found.pending
        result.differences += found.differences

    async def _look(self, partition: int, partitions: int, on_their_way: bool) -> Comparison:
        found = Comparison()
        tables = await self._client.records(partition)
        after = 0
        while page := await self._rows.keys(after):
            after = page[-1].id
            ours = [row.id for row in page if partition_of(row.phone_number, partitions) == partition]
            for begin in range(0, len(ours), _ROWS_AT_ONCE):
                for row in await self._rows.records(ours[begin : begin + _ROWS_AT_ONCE]):
                    self._compare(found, tables.pop(row.phone_number, None), row, on_their_way)
        for number, record in tables.items():
            if not has_begun(record) or is_over(record, (datetime.now(UTC) - self._closed_kept).isoformat()):
                continue
            if on_their_way:  # perhaps its erasure
                found.pending += 1
            else:
                found.differences.append(Difference(masked(number), "conversation", "there", "missing"))
        return found

    def _compare(
        self, found: Comparison, record: Record | None, row: WholeConversation, on_their_way: bool
    ) -> None:
        found.conversations += 1
        number, counted = masked(row.phone_number), record["number"] if record else 0
        # The tables were read first: what they lack may have been written since. It is a difference once
        # they still lack what Postgres had the last time.
        is_new = counted >= self._lacked.pop(row.phone_number, 0)
        if counted != row.event_number and (
            row.waiting or on_their_way or counted > row.event_number or is_new
        ):
            self._lacked[row.phone_number] = row.event_number
            found.pending += 1
        elif record is None:
            found.differences.append(Difference(number, "conversation", "missing", "there"))
        else:
            truth = derived(row, self._zone, self._kept)
            without = _NOT_COMPARED | (_OF_ALL_EVENTS if self._is_purged(row) else frozenset())
            found.differences += [Difference(number, *each) for each in self._fields(record, truth, without)]

    def _is_purged(self, row: WholeConversation) -> bool:
        """Return whether the log's beginning is gone, or messages may have gone before the log told of it."""
        first = row.events[0]
        if first["number"] > 1 or self._messages_kept is None:
            return bool(first["number"] > 1)
        return utc(datetime.fromisoformat(first["at"])) < datetime.now(UTC) - self._messages_kept

    def _fields(
        self, record: Record, truth: Record, without: frozenset[str]
    ) -> Iterator[tuple[str, Any, Any]]:
        today = datetime.now(self._zone).date().isoformat()
        ours, theirs = pruned(record, self._kept, today), pruned(truth, self._kept, today)
        for name in theirs.keys() - without:
            if ours.get(name) != theirs[name]:
                yield name, ours.get(name), theirs[name]
