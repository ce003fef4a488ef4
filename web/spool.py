"""The spool: events that Kafka did not take, kept in Postgres and published in order when it is back."""

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

import structlog

from db.pool import Connection
from db.queries import load
from db.readers.gateway import SPOOL_HEAD, SpooledEvent
from process.tracing import current_trace
from schemas.errors import Unavailable
from web.database import Database
from web.spool_order import Held, in_lines
from web.spool_writer import SpoolWriter

log = structlog.get_logger()
_sql = load("gateway")


class Send(Protocol):
    """See `web.kafka_link.KafkaLink.send`."""

    async def __call__(
        self, topic: str, key: str, value: bytes, request_id: str | None, *, trace: str | None = None
    ) -> None: ...


# Events in one pass: few enough that it ends well within its bound while Kafka answers.
_PASS = 200
_PASS_SECONDS = 10.0
# Another page, or event of a line, begins only so early that it ends within the pass, even if it takes 3 s.
_FURTHER_SECONDS = 5.0
# "spool" in ASCII. One process at a time publishes; a frozen one loses the lock with its session (see SQL).
_LOCK = 0x73706F6F6C


class Content(Enum):
    """What is known of the spool."""

    EMPTY = "empty"
    UNKNOWN = "unknown"
    SOME = "some"


class Spool:
    """Stores events, knows which keys have some waiting, and publishes them.

    Between a store in another process and its notification here, `Content.EMPTY` is wrong for some
    milliseconds. An event could overtake then only if its sender heard that the earlier one was stored and
    reached this process within that time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = SpoolWriter(database)
        self._changes = 0
        self._listening = False
        self.content = Content.UNKNOWN
        self.filled = asyncio.Event()

    def heard(self, payload: str = "") -> None:
        """Note that some process stored an event."""
        self._changes += 1
        self.content = Content.SOME
        self.filled.set()

    def listening(self, is_listening: bool) -> None:
        """Note whether notifications come from now on: without them an empty spool can fill unnoticed."""
        self._listening = is_listening
        self._changes += 1
        if self.content is Content.EMPTY:
            self.content = Content.UNKNOWN

    async def holds(self, key: str, beside: Sequence[str] = ()) -> bool:
        """Return whether earlier events of the key wait here, so that new ones must queue behind them.

        `beside`: keys of the person's other addresses.

        Raises:
            Unavailable: there are events, and Postgres does not tell for which keys.
        """
        if self.content is Content.EMPTY:
            return False
        try:
            return bool(await self._database.quick_value(_sql.spooled, [key, *beside]))
        except Unavailable:
            if self.content is Content.SOME:
                raise
            # It was empty at the last look, and while Postgres is away nobody can add anything. If it is away
            # for this process alone, taking an event matters more than its order.
            return False

    async def store(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        """Store an event.

        Raises:
            Unavailable: Postgres does not answer.
        """
        await self._writer.write((topic, key, value, request_id, current_trace()))
        self.heard()

    async def look(self) -> None:
        """Learn whether the spool is empty.

        Raises:
            Unavailable: Postgres does not answer.
        """
        changes = self._changes
        some = await self._database.quick_value(_sql.spool_holds_some)
        if some:
            self.content = Content.SOME
        elif changes == self._changes:  # nobody stored, and listening did not change, while we looked
            self.content = Content.EMPTY if self._listening else Content.UNKNOWN

    async def publish(self, send: Send, place: Callable[[str], int] = lambda key: 0) -> bool:
        """Publish the oldest events in their order; return whether it is worth going on at once.

        `place`: a key's partition; where one takes nothing, the others' events do not wait behind its own.

        Raises:
            Unavailable: Postgres does not answer.
        """
        return await self._database.bounded(self._publish(send, Held(place)), _PASS_SECONDS)

    async def _publish(self, send: Send, held: Held) -> bool:
        async with self._database.pool.acquire() as connection, connection.transaction():
            await connection.execute(_sql.spool_session)
            if not await connection.fetchval(_sql.spool_lock, _LOCK):
                return False
            published = await _publish_pages(connection, send, held)
        if published:
            log.info("spooled events were published", events=published)
        return published > 0 and not held.partitions


async def newest_in_spool(database: Database) -> int | None:
    """Return the id of the newest event in the spool, 0 if there is none, None if Postgres does not tell."""
    try:
        return int(await database.quick_value(_sql.spool_newest))
    except Unavailable:
        return None


async def _publish_pages(connection: Connection, send: Send, held: Held) -> int:
    """Publish the oldest events, and those behind what is held; return how many."""
    loop, after, published = asyncio.get_running_loop(), 0, 0
    ends_at = loop.time() + _FURTHER_SECONDS
    while rows := await SPOOL_HEAD.all(connection, after, _PASS):
        done = await _publish_rows(rows, send, held, lambda: loop.time() > ends_at)
        await _remove(connection, done)
        after, published = rows[-1].id, published + len(done)
        is_away = not done and len(held.partitions) > 1
        if not held.partitions or is_away or loop.time() > ends_at:
            break
    return published


async def _publish_rows(
    rows: Sequence[SpooledEvent], send: Send, held: Held, is_late: Callable[[], bool]
) -> list[int]:
    """Publish in strict order within a line, concurrently across lines; a line stops at its first failure."""
    free = []
    for line in in_lines(rows):
        if held.holds(line):
            held.hold(line, failed=False)
        else:
            free.append(line)
    published = await asyncio.gather(*(_publish_line(line, send, held, is_late) for line in free))
    return [number for numbers in published for number in numbers]


async def _publish_line(
    rows: Sequence[SpooledEvent], send: Send, held: Held, is_late: Callable[[], bool]
) -> list[int]:
    """Publish what there is time for: a pass that is cut off has removed nothing."""
    published = []
    for place, row in enumerate(rows):
        if place and is_late():
            held.hold(rows[place:], failed=False)
            break
        try:
            await send(row.topic, row.key, row.value, row.request_id, trace=row.trace)
        except Unavailable:
            held.hold(rows[place:], failed=True)  # they stay for the next pass
            break
        published.append(row.id)
    return published


async def _remove(connection: Connection, published: list[int]) -> None:
    if published:
        await connection.execute(_sql.unspool, published)
