"""The `queue` object of `/stats`: events not yet taken up, being worked on, and done or failed today."""

import asyncio
import time as clock
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from aiokafka import TopicPartition

from clients.kafka.group_lag import GroupLag
from db.pool import POSTGRES_ERRORS, Pool
from db.queries import Query
from db.readers.statistics import ENDED, QUEUE, Ended
from schemas.documents import now
from schemas.errors import Unavailable
from schemas.settings import Settings
from schemas.topics import (
    CALL_COMPLETED,
    CONVERSATION_EVENT,
    DEAD_LETTER,
    INBOUND_MESSAGE,
    STATS_GROUP,
    WORKER_GROUP,
    topic_name,
)

R = TypeVar("R")
# Less than `_LOOK_UP_SECONDS`.
_LAG_SECONDS = 0.6
_HOUR_SECONDS = 3600.0
# Whoever asks for `/stats` gives up after 1 s.
_LOOK_UP_SECONDS = 0.7
# A step's transaction takes milliseconds, and is cut off after 10 s: what ended before this is all there.
_SETTLED = timedelta(seconds=30)
# What ended within about this time is counted anew on each look.
_COUNT_ON_AFTER = timedelta(seconds=60)


class Lag(GroupLag):
    """Calls and messages that the workers have not finished."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        super().__init__(settings, WORKER_GROUP, _LAG_SECONDS)
        topics = [topic_name(settings.topic_prefix, topic) for topic in (CALL_COMPLETED, INBOUND_MESSAGE)]
        self._partitions = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        dead = topic_name(settings.topic_prefix, DEAD_LETTER)
        self._dead = [TopicPartition(dead, number) for number in range(partitions)]

    async def unfinished(self) -> int:
        """Return their number; see `behind`."""
        return await self.behind(self._partitions)

    async def dead_letters(self) -> int:
        """Return the number of events that became dead letters within the last hour; see `behind`."""
        return await self.in_time(self._buried_since(int((clock.time() - _HOUR_SECONDS) * 1000)))

    async def _buried_since(self, since: int) -> int:
        first = await self.consumer.offsets_for_times(dict.fromkeys(self._dead, since))
        if not (found := {tp: at.offset for tp, at in first.items() if at is not None}):
            return 0
        ends = await self.consumer.end_offsets(list(found))
        return sum(ends[tp] - offset for tp, offset in found.items())


class EventLag(GroupLag):
    """Events that the statistics have not counted. Waits longer, because a command asks, not a view."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, STATS_GROUP, look_up_seconds=10.0)
        self._topic = topic_name(settings.topic_prefix, CONVERSATION_EVENT)

    async def of(self, partition: int) -> int:
        """Return their number in a partition; see `behind`."""
        return await self.behind([TopicPartition(self._topic, partition)])


class Queue:
    """The queue: Kafka knows what stands there, Postgres what was taken up.

    Turns that ended are counted once: a day has hundreds of thousands, of which each look reads a minute's.
    """

    def __init__(self, settings: Settings, pool: Pool, lag: Lag, now: Callable[[], datetime] = now) -> None:
        self._zone = ZoneInfo(settings.stats_timezone)
        self._pool = pool
        self._lag = lag
        self._now = now
        self._counting = asyncio.Lock()
        self._until = datetime.min
        self._away_at = datetime.min
        self._before = Ended(completed=0, failed=0)

    async def figures(self) -> dict[str, int]:
        """Return the four figures, plus `unread` (Kafka's part of `waiting`) and `dead_letters_last_hour`.

        Turns are counted: a burst that shares one answer is one. Kafka's part of `waiting` counts by what is
        committed, which follows what is durable within a second.

        Raises:
            Unavailable: Kafka or Postgres does not answer in time.
        """
        now = self._now()
        async with self._counting:
            await self._count_on(now)
            before, until = self._before, self._until  # another look may go on counting while this one reads
        unread, dead, row = await asyncio.gather(
            self._lag.unfinished(), self._lag.dead_letters(), self._row(QUEUE, until)
        )
        return {
            "waiting": unread + row.stored,
            "active": row.active,
            "completed": before.completed + row.completed,
            "failed": before.failed + row.failed,
            "unread": unread,
            "dead_letters_last_hour": dead,
        }

    async def _count_on(self, now: datetime) -> None:
        """Count what ended since the last time, up to what is settled; a new day begins at zero.

        What a worker decided while Postgres was away is written later, with its own time: after an outage the
        day is counted anew, and for a while on each look.
        """
        day = _naive(datetime.combine(now.astimezone(self._zone).date(), time(), self._zone))
        if self._until < day:
            self._until, self._before = day, Ended(completed=0, failed=0)
        until = _naive(now) - _SETTLED
        if min(until - self._until, _naive(now) - self._away_at) < _COUNT_ON_AFTER:
            return
        row, before = await self._row(ENDED, self._until, until), self._before
        self._before = Ended(completed=before.completed + row.completed, failed=before.failed + row.failed)
        self._until = until

    async def _row(self, query: Query[R], *arguments: object) -> R:
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                return await query.aggregate(self._pool, *arguments)
        except POSTGRES_ERRORS as error:
            self._until, self._away_at = datetime.min, _naive(self._now())
            raise Unavailable("Postgres does not answer") from error


def _naive(at: datetime) -> datetime:
    """Return a time as the tables have it: UTC without a zone."""
    return at.astimezone(UTC).replace(tzinfo=None)
