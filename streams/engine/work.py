"""What a mailbox holds, and what its handler is given."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple

from streams.engine.window import Entry


class TopicPartition(NamedTuple):
    """A topic by its bare name, and a partition."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorkItem:
    """One event on its way through a mailbox. `token`: what the edge acknowledges it with; `replayed`: a replay's mark;
    `at`: when the event was produced first, aware; `trace`: the `traceparent` that it came with.
    """

    source: TopicPartition
    offset: int
    key: str
    value: Any
    request_id: str | None
    generation: int
    token: Any
    replayed: Any = None
    at: datetime | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Queued:
    """An item in its mailbox. `entry`: its place in the partition's window; a reminder has none."""

    item: WorkItem
    entry: Entry | None


class Batch:
    """The head of one number's queue, and a view of what stands behind it.

    Whatever is taken here is finished when the handler returns.
    """

    def __init__(self, key: str, queue: deque[Queued]) -> None:
        self.key = key
        self._queue = queue
        self.taken: list[Queued] = [queue.popleft()]

    @property
    def first(self) -> WorkItem:
        return self.taken[0].item

    @property
    def items(self) -> list[WorkItem]:
        return [queued.item for queued in self.taken]

    def standing(self) -> list[WorkItem]:
        """Give the items that would be taken now: those taken, and of their topic those right behind. None is taken."""
        topic = self.first.source.topic
        behind = takewhile(lambda queued: queued.item.source.topic == topic, self._queue)
        return [*self.items, *(queued.item for queued in behind)]

    def take_following(self) -> None:
        """Take along the items of the same topic that stand right behind, so that a burst shares one turn."""
        while self._queue and self._queue[0].item.source.topic == self.first.source.topic:
            self.taken.append(self._queue.popleft())

    def take_out_of_turn(self, topic: str) -> WorkItem | None:
        """Take the oldest item of another topic, wherever in the queue it stands."""
        for queued in self._queue:
            if queued.item.source.topic == topic:
                self._queue.remove(queued)
                self.taken.append(queued)
                return queued.item
        return None
