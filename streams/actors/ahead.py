"""Hands over the messages of those who write now, while thousands wait in Kafka from an outage.

Faust reads a partition in its order, as fast as there is room. Whoever writes meanwhile would be read when
all before them are answered, minutes later. So while that many wait, the partitions are also followed to
their ends: a number that writes now goes ahead, with all that it wrote before, so that its own order stays.
When its records' turn comes, they are found to be handed over, and are released once they are durable. If
this process dies between, they are read again, and the store knows them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from schemas.errors import InvalidInput, Unavailable
from schemas.replay_mark import Mark
from schemas.topics import INBOUND_MESSAGE
from streams.actors.backlog import Backlog
from streams.actors.judge import is_away
from streams.actors.records import Arrived, arrived, parsed
from streams.actors.turns import Early, Receiver, Turns
from streams.actors.values import Told, is_urgent
from streams.engine.following import Follow, Followed
from streams.engine.offsets import TopicPartition
from streams.metrics import AHEAD

log = structlog.get_logger()

# Fewer are read within a second or two.
FAR_BEHIND = 200
# Half of that ends it, so that it does not begin again with the next burst.
_NEAR_SHARE = 0.5
_LOOK_EVERY_SECONDS = 1.0
# Whoever wrote so shortly before is still there. What came before our assignment belongs to the outage.
_JUST_WROTE = timedelta(seconds=5)
AHEAD_SUFFIX = "-ahead"
"""Of the source under which a topic's messages go ahead: their order is not that of the topic."""
_SOURCE = f"{INBOUND_MESSAGE}{AHEAD_SUFFIX}"


class Ahead:
    """Hands over those who write now, see the module.

    Args:
        read: returns the inputs of messages, in their order.
        follow: reads this topic's partitions to their ends and on.
        positions: returns the next offset that is to be handed over, by partition of the topic.
        unread: returns how many messages lie beyond these.
        assigned_at: returns since when these partitions are ours.
        partition_of: where a number's messages belong.
        now: Postgres' time.
        sender: the key of our own number, which is not a client.
        far_behind: with how many unread messages it begins.
    """

    def __init__(
        self,
        mailboxes: Receiver,
        read: Callable[[Sequence[Arrived]], Awaitable[list[Told]]],
        follow: Follow,
        turns: Turns,
        *,
        positions: Callable[[], Mapping[int, int]],
        unread: Callable[[], int],
        assigned_at: Callable[[], datetime],
        partition_of: Callable[[str], int],
        now: Callable[[], datetime],
        sender: str | None = None,
        far_behind: int = FAR_BEHIND,
    ) -> None:
        self._mailboxes = mailboxes
        self._read = read
        self._follow = follow
        self._positions = positions
        self._unread = unread
        self._assigned_at = assigned_at
        self._partition_of = partition_of
        self._clock = now
        self._sender = sender
        self._far_behind = far_behind
        self._turns = turns
        self._sequence = 0
        self._writing: dict[bytes, None] = {}

    async def work(self) -> None:
        """Until cancelled, hand over those who write now while many wait."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            if self._unread() >= self._far_behind:
                await self.while_behind()

    async def while_behind(self) -> None:
        """Hand over those who write now until few wait, or partitions move."""
        try:
            await self._go_ahead()
        except Unavailable as error:
            log.warning("those who write now wait for their turn", why=str(error))
        except Exception:  # noqa: BLE001 - a side task that fails ends its process, and all have their turn
            log.exception("those who write now wait for their turn")
        finally:
            self._turns.end()
            self._writing = {}

    async def _go_ahead(self) -> None:
        generation, starts = self._mailboxes.generation, dict(self._positions())
        log.info("many messages wait; those who write now go ahead", messages=self._unread())
        since = max(self._assigned_at(), self._clock() - _JUST_WROTE).timestamp()
        backlog = Backlog(since, self._partition_of)
        self._turns.begin(generation, backlog)
        async with self._follow(starts) as poll:
            while True:
                records = await poll()
                if generation != self._mailboxes.generation:
                    return
                self._take_in(backlog, records)
                await self._hand_over(backlog, generation)
                if self._unread() < self._far_behind * _NEAR_SHARE:
                    log.info("few messages wait; all are taken in their turn")
                    return

    def _take_in(self, backlog: Backlog, records: Sequence[Followed]) -> None:
        positions = self._positions()
        for each in records:
            is_handed_over = each.offset < positions.get(each.partition, each.offset + 1)
            if not is_handed_over and not self._turns.is_early(each) and backlog.add(each):
                self._writing[each.key or b""] = None

    async def _hand_over(self, backlog: Backlog, generation: int) -> None:
        for key in list(self._writing):
            if self._turns.is_taken(key):  # its line may wait for room: tried again at the next look
                continue
            async with self._turns.of(key):
                waiting = backlog.of(key, self._positions())
                if waiting and not await self._went_ahead(backlog, key, waiting, generation):
                    return
            if key not in backlog:
                del self._writing[key]

    async def _went_ahead(
        self, backlog: Backlog, key: bytes, waiting: Sequence[Followed], generation: int
    ) -> bool:
        """Hand a number's messages over; return whether what that needs is there."""
        try:
            told = await self._inputs(key, waiting)
        except Exception as error:  # noqa: BLE001 - judged in its turn, like any failure
            if is_away(error):
                return False
            told = []
        if not told:
            backlog.leave(key)
            return True
        for record, each in zip(waiting, told, strict=True):
            source, early = TopicPartition(INBOUND_MESSAGE, record.partition), Early()
            self._sequence += 1  # a window's offsets rise, and theirs do not
            await self._mailboxes.put(
                TopicPartition(_SOURCE, record.partition),
                self._sequence,
                key.decode(),
                replace(each, origin=(source, record)),
                early,
                generation,
                urgent=is_urgent(each),
            )
            self._turns.went_ahead(record, early)
            AHEAD.inc()
        return True

    async def _inputs(self, key: bytes, waiting: Sequence[Followed]) -> list[Told]:
        """Return what a number is told; nothing if one of its messages is no ordinary one."""
        found = list[Arrived]()
        for record in waiting:
            try:
                event = parsed(INBOUND_MESSAGE, record.value)
            except InvalidInput:
                return []
            if event.key.encode() != key or event.key == self._sender or Mark.of(record.headers) is not None:
                return []
            found.append(arrived(event, record, self._clock()))
        return await self._read(found)
