"""Which events of one partition are unfinished, so that only a finished prefix is acknowledged.

Faust commits past unfinished events unless they are acknowledged in offset order without gaps.
"""

from collections import deque
from collections.abc import Container, Hashable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class Entry:
    """An event between its fetch and its acknowledgement. `begun`: monotonic seconds."""

    offset: int
    token: Any
    begun: float
    finished: bool = False


class OffsetWindow:
    """The unfinished events of one topic's partition, oldest first."""

    def __init__(self, partition: Hashable) -> None:
        self.partition = partition
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, offset: int, token: Any, now: float) -> Entry:  # noqa: ANN401 - the edge's own handle
        """Add the next event; offsets only grow."""
        entry = Entry(offset, token, now)
        self._entries.append(entry)
        return entry

    def finish(self, entry: Entry) -> list[Any]:
        """Mark an event finished; gives the tokens that may be acknowledged now, in offset order."""
        entry.finished = True
        ready = []
        while self._entries and self._entries[0].finished:
            ready.append(self._entries.popleft().token)
        return ready

    def oldest(self) -> Entry | None:
        """Give the oldest unfinished event."""
        return self._entries[0] if self._entries else None

    def newest_but(self, waiting: Container[Entry | None]) -> int:
        """Give the newest offset of what is not `waiting`, that is finished or has begun; -1: there is none."""
        return next((entry.offset for entry in reversed(self._entries) if entry not in waiting), -1)
