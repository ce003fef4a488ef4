"""Which records are unfinished; records are released in the order of offsets, without gaps."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from mailboxes.ports import M, Record


@dataclass(slots=True, eq=False)
class WorkItem(Generic[M]):
    """A message on its way. `effect`: the one it results from. `recovers`: it is made anew at each load."""

    message: M
    effect: str | None = None
    recovers: bool = False
    window: "Window[M] | None" = None
    finished: bool = False


class Window(Generic[M]):
    """A source's partition under one assignment: its unreleased records, oldest first."""

    def __init__(self, source: str, release: Callable[[object], None], unfinished: "Counter[str]") -> None:
        self._source, self._release, self._unfinished = source, release, unfinished
        self.items: deque[tuple[Record[M], WorkItem[M]]] = deque()
        self.highest_seen, self._is_closed = -1, False

    @property
    def low_watermark(self) -> int:
        """The offset below which all is released."""
        return self.items[0][0].offset if self.items else self.highest_seen + 1

    def begin(self, record: Record[M]) -> WorkItem[M]:
        item = WorkItem(record.message, window=self)
        self.items.append((record, item))
        self.highest_seen = record.offset
        self._unfinished[self._source] += 1
        return item

    def finish(self, item: WorkItem[M]) -> None:
        """Finish a record, releasing it and those that waited for it, unless the assignment is over."""
        if not item.finished and not self._is_closed:
            item.finished = True
            self._unfinished[self._source] -= 1
            while self.items and self.items[0][1].finished:
                self._release(self.items.popleft()[0].token)

    def close(self) -> None:
        self._is_closed = True
        self._unfinished[self._source] -= sum(not item.finished for _, item in self.items)
