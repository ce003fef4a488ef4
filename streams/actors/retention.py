"""Removes what is kept only for a time, in small steps. Owners are told to remove what a state depends on."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from db.pool import POSTGRES_ERRORS, Pool
from db.store.publication import forget_removals
from db.store.retention import (
    ExpiredMessage,
    OldEvent,
    expired_messages,
    forget_events,
    forget_letters,
    forget_seen,
    forget_sends,
    newest_snapshots,
    old_events,
)
from process.periodic import every
from rules.inputs import Input, LogPurged, MessagesExpired
from schemas.retention import log_kept_for, remembered_for
from schemas.settings import Settings

# Retention is in days: what exceeds it goes within the hour, and a first purge of years takes its time.
_LOOK_EVERY_SECONDS = 300.0
# About 50 ms per statement; between two of them the others go on.
_MOST_AT_ONCE = 500
_PAUSE_SECONDS = 0.5
_DAY = 86_400.0

Tell = Callable[[str, Input], Coroutine[Any, Any, None]]


class Retention:
    """Removal of what has passed its time.

    `tell(key, input)` does nothing for keys that are not ours; `partitions()` returns ours, and
    `generation()` the assignment they are of.
    """

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        tell: Tell,
        partitions: Callable[[], Sequence[int]],
        generation: Callable[[], int],
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        remembered, kept = remembered_for(settings), log_kept_for(settings)
        self._message_seconds = settings.message_retention_days * _DAY
        self._log_seconds = kept.total_seconds() if kept is not None else None
        self._seen_seconds = remembered.total_seconds() if remembered is not None else None
        self._pool = pool
        self._tell = tell
        self._partitions = partitions
        self._generation = generation
        self._pause_seconds = pause_seconds
        self._assignment = generation()
        self._told: set[int] = set()
        self._settled: dict[int, int] = {}

    async def work(self) -> None:
        """Sweep regularly until cancelled."""
        problem = "old rows could not be removed"
        await every(_LOOK_EVERY_SECONDS, self.sweep, at_once=True, forgive=POSTGRES_ERRORS, problem=problem)

    async def sweep(self) -> None:
        """Remove all that is past its time now. Events that a snapshot covers go with the sweep after it."""
        if self._assignment != self._generation():
            self._assignment, self._told, self._settled = self._generation(), set(), {}
        await forget_removals(self._pool)
        if self._message_seconds:
            await self._expire_messages()
            await self._little_at_once(forget_letters, self._message_seconds)
        if self._log_seconds is not None:
            for partition in self._partitions():
                await self._purge_log(partition, self._log_seconds)
        if self._seen_seconds is not None:
            await self._little_at_once(forget_seen, self._seen_seconds)

    async def _little_at_once(
        self, forget: Callable[[Pool, float, int], Awaitable[bool]], seconds: float
    ) -> None:
        while await forget(self._pool, seconds, _MOST_AT_ONCE):
            await asyncio.sleep(self._pause_seconds)

    async def _expire_messages(self) -> None:
        """Tell owners which messages have expired.

        An owner told of a message twice would count it twice: it is told again only after it was seen gone.
        """
        found, last = set[int](), None
        while batch := await expired_messages(self._pool, self._message_seconds, last, _MOST_AT_ONCE):
            last = batch[-1]
            for (key, conversation_id), ids in _by_conversation(batch).items():
                if new := tuple(each for each in ids if each not in self._told):
                    await self._tell(key, MessagesExpired(conversation_id=conversation_id, message_ids=new))
            seen = {each.id for each in batch}
            found |= seen
            self._told |= seen
            await asyncio.sleep(self._pause_seconds)
        self._told = found

    async def _purge_log(self, partition: int, seconds: float) -> None:
        """Walk a partition's log from its beginning; below `_settled` nothing is left but snapshots."""
        after, open_at = self._settled.get(partition, 0), None
        while batch := await old_events(self._pool, seconds, partition, after, _MOST_AT_ONCE):
            after = batch[-1].sequence
            uncovered = await self._purge(batch, seconds)
            if open_at is None and uncovered:
                open_at = min(event.sequence for event in uncovered)
            await asyncio.sleep(self._pause_seconds)
        self._settled[partition] = after if open_at is None else open_at - 1

    async def _purge(self, batch: Sequence[OldEvent], seconds: float) -> list[OldEvent]:
        """Remove what snapshots hold, and ask for the missing ones; return the events that wait for one."""
        events = [event for event in batch if not event.is_snapshot]
        snapshots = await newest_snapshots(self._pool, {event.conversation_id for event in events})
        uncovered = [event for event in events if event.number > snapshots.get(event.conversation_id, 0)]
        for key in dict.fromkeys(event.phone_number for event in uncovered):
            await self._tell(key, LogPurged())
        newest = {event.conversation_id: event.number for event in batch}
        if snapshots:
            await forget_events(
                self._pool, {of: min(newest[of], number - 1) for of, number in snapshots.items()}
            )
        if events:
            await forget_sends(self._pool, seconds, {event.phone_number for event in events})
        return uncovered


def _by_conversation(batch: Sequence[ExpiredMessage]) -> dict[tuple[str, int], list[int]]:
    found: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for each in batch:
        found[each.phone_number, each.conversation_id].append(each.id)
    return found
