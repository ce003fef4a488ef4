"""One mailbox per key: strictly serial inside, concurrent across, bounded, removed when empty. Plain asyncio.

An item is acknowledged when it and everything before it in its partition is finished. Items of an older assignment are
abandoned: never acknowledged, because their new owner gets them again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import takewhile
from typing import Any

import structlog
from tenacity import AsyncRetrying, retry_if_not_exception_type, wait_exponential_jitter

from schemas.errors import Fenced
from streams.engine.window import OffsetWindow
from streams.engine.work import Batch, Queued, TopicPartition, WorkItem
from streams.persist import persist

log = structlog.get_logger()

Handler = Callable[[Batch], Awaitable[None]]
Acknowledge = Callable[[Any], None]

# An unexpected error holds back its number only; the cap keeps a bug from costing CPU until somebody looks.
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 30.0


class Mailboxes:
    """The mailboxes of one worker. `moved_at`, `fenced_at`: monotonic seconds, the latter None while nothing was fenced.

    `accepting`: false from a drain until the next assignment.

    Args:
        handler: handles a batch; raises `Fenced` to abandon it; anything else it raises is tried again.
        acknowledge: called with tokens in offset order per partition.
        most_per_topic: bound on unfinished items of each topic. Per topic, so that calls get through while messages
            wait for them.
        largest_window: bound on unfinished items of each partition, because all behind a stuck head is remembered.
    """

    def __init__(self, handler: Handler, acknowledge: Acknowledge, *, most_per_topic: int, largest_window: int) -> None:
        self._handler = handler
        self._acknowledge = acknowledge
        self._most_per_topic = most_per_topic
        self._largest_window = largest_window
        self._queues: dict[str, deque[Queued]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._windows: dict[TopicPartition, OffsetWindow] = {}
        self._unfinished: dict[str, int] = {}
        self._changed = asyncio.Condition()
        self._running = 0
        self.accepting = True
        self.generation = 0
        self.moved_at = time.monotonic()
        self.fenced_at: float | None = None

    async def put(self, item: WorkItem) -> bool:
        """Hand an item over; waits while there is no room. False: its assignment is over, it was dropped."""
        if not self._has_room(item):
            async with self._changed:
                await self._changed.wait_for(lambda: self._has_room(item) or not self._is_current(item))
        if not self._is_current(item):
            return False
        self._enqueue(self._begin(item))
        if self._has_waiters():
            await self._notify()
        return True

    def beside(self, item: WorkItem) -> Callable[[], None]:
        """Take in an item that needs no mailbox; gives what acknowledges it, in its turn, when it is done.

        Acknowledged at once it would be ahead of unfinished ones, and Faust would commit past them.
        """
        if not self._is_current(item):
            return lambda: None
        queued = self._begin(item)

        def finish() -> None:
            if item.generation == self.generation:
                self._acknowledge_finished(queued)

        return finish

    def remind(self, item: WorkItem) -> bool:
        """Hand over something that no event of Kafka's stands for; False where the key is being worked on anyway."""
        if item.key in self._queues or not self._is_current(item):
            return False
        self._enqueue(Queued(item, None))
        return True

    async def drain(self, seconds: float) -> int:
        """Take nothing new, finish what has begun and what stands before it in its partition, drop the rest.

        What stands before something finished has to be finished too, or both come again. Gives how many were abandoned.
        """
        self.accepting = False
        self._drop_what_nothing_waits_for()
        await self._notify()
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self._running == 0 and not any(self._queues.values()))
        except TimeoutError:
            self._drop_queued()
            log.warning("drain cap reached, work is abandoned", running=self._running)
        return self._running

    async def begin_generation(self) -> int:
        """Start anew after an assignment: what is left of the former one is forgotten and cancelled."""
        self.generation += 1
        self.fenced_at, self.moved_at = None, time.monotonic()
        for task in self._tasks.values():
            task.cancel()
        self._queues, self._tasks, self._windows, self._unfinished = {}, {}, {}, {}
        self.accepting = True
        await self._notify()
        return self.generation

    def holds(self, key: str, topic: str) -> bool:
        """Tell whether an item of a topic waits in a key's queue."""
        return any(queued.item.source.topic == topic for queued in self._queues.get(key, ()))

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that items handed over or finished can change."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def notify(self) -> None:
        """Have waiting conditions looked at again."""
        await self._notify()

    @property
    def unfinished(self) -> int:
        """How many items were handed over and are not finished."""
        return sum(self._unfinished.values())

    def snapshot(self) -> dict[str, Any]:
        """Give figures for views and metrics: mailboxes, in flight, by partition unfinished, oldest offset and age (s)."""
        now = time.monotonic()
        partitions = {
            f"{source.topic}-{source.partition}": {
                "unfinished": len(window),
                "oldest_offset": oldest.offset,
                "oldest_seconds": round(now - oldest.begun, 3),
            }
            for source, window in self._windows.items()
            if (oldest := window.oldest())
        }
        return {"mailboxes": len(self._queues), "in_flight": self._running, "partitions": partitions}

    def _begin(self, item: WorkItem) -> Queued:
        window = self._windows.setdefault(item.source, OffsetWindow(item.source))
        self._unfinished[item.source.topic] = self._unfinished.get(item.source.topic, 0) + 1
        return Queued(item, window.begin(item.offset, item.token, time.monotonic()))

    def _enqueue(self, queued: Queued) -> None:
        key = queued.item.key
        self._queues.setdefault(key, deque()).append(queued)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._work(key), name="mailbox")

    def _drop_what_nothing_waits_for(self) -> None:
        queued = {each.entry for queue in self._queues.values() for each in queue}
        newest = {source: window.newest_but(queued) for source, window in self._windows.items()}
        for queue in self._queues.values():
            kept = list(takewhile(lambda each: each.entry and each.entry.offset < newest[each.item.source], queue))
            queue.clear()
            queue.extend(kept)

    def _drop_queued(self) -> None:
        for queue in self._queues.values():
            queue.clear()

    def _is_current(self, item: WorkItem) -> bool:
        return self.accepting and item.generation == self.generation

    def _has_room(self, item: WorkItem) -> bool:
        window = self._windows.get(item.source)
        full = window is not None and len(window) >= self._largest_window
        return not full and self._unfinished.get(item.source.topic, 0) < self._most_per_topic

    def _has_waiters(self) -> bool:
        return bool(self._changed._waiters)  # saves a lock when nobody waits

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _work(self, key: str) -> None:
        """One number's items, one batch after the other, until its queue is empty."""
        generation, queue = self.generation, self._queues[key]
        while queue and generation == self.generation:
            batch = Batch(key, queue)
            self._running += 1
            try:
                finished = await self._handle(batch)
            finally:
                self._running -= 1
            if finished and generation == self.generation:
                self._finish(batch)
            elif not self.accepting:
                queue.clear()  # what is left to the next owner is not overtaken
            if self._has_waiters():
                await self._notify()
        if generation == self.generation:
            del self._queues[key], self._tasks[key]

    async def _handle(self, batch: Batch) -> bool:
        try:
            await persist(lambda: self._handler(batch), _attempts)
        except Fenced:
            log.warning("work was fenced and is left to the new owner")
            self.fenced_at = self.fenced_at or time.monotonic()
            return False
        return True

    def _finish(self, batch: Batch) -> None:
        self.moved_at = time.monotonic()
        for queued in batch.taken:
            self._acknowledge_finished(queued)

    def _acknowledge_finished(self, queued: Queued) -> None:
        if queued.entry is None:
            return
        self._unfinished[queued.item.source.topic] -= 1
        for token in self._windows[queued.item.source].finish(queued.entry):
            self._acknowledge(token)


def _attempts() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_not_exception_type((Fenced, asyncio.CancelledError)),
        wait=wait_exponential_jitter(multiplier=_FIRST_RETRY_SECONDS, max=_LONGEST_RETRY_SECONDS),
        before_sleep=lambda state: log.error(
            "handling is tried again", exc_info=state.outcome.exception() if state.outcome else None
        ),
        reraise=True,
    )
