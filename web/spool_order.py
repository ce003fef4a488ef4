"""The order of publishing spooled events: by key, and by person if a message names another address. Pure.

There is none between keys; but what somebody wrote from an id must not come after the message that shows
whose id it is.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from pydantic_core import from_json

from db.readers.gateway import SpooledEvent
from schemas.errors import InvalidNumber
from schemas.phone import linked_keys
from schemas.topics import INBOUND_MESSAGE


def keys_beside(topic: str, value: bytes) -> tuple[str, ...]:
    """Return the keys of the sender's other addresses that a message names; none if it cannot be read."""
    if topic != INBOUND_MESSAGE:
        return ()
    try:
        return linked_keys(from_json(value)["params"]).keys
    except (ValueError, LookupError, TypeError, AttributeError, InvalidNumber):
        return ()


class Held:
    """What stays in the spool, because an earlier event of it could not be published.

    A partition without a leader takes nothing, and the others take everything.
    """

    def __init__(self, place: Callable[[str], int]) -> None:
        self._place = place
        self._keys: set[str] = set()
        self.partitions: set[int] = set()

    def holds(self, line: Sequence[SpooledEvent]) -> bool:
        """Return whether a line waits: for its partition, or behind what somebody of it wrote before."""
        if not self._keys:  # as mostly: no message is read again
            return False
        return any(self._place(row.key) in self.partitions for row in line) or not self._keys.isdisjoint(
            key for row in line for key in _keys_of(row)
        )

    def hold(self, rest: Sequence[SpooledEvent], *, failed: bool) -> None:
        """Hold what is left of a line. `failed`: its first event could not be published."""
        self._keys.update(key for row in rest for key in _keys_of(row))
        if failed:
            self.partitions.add(self._place(rest[0].key))


def _keys_of(row: SpooledEvent) -> tuple[str, ...]:
    return (row.key, *keys_beside(row.topic, row.value))


def in_lines(rows: Sequence[SpooledEvent]) -> list[list[SpooledEvent]]:
    """Return the events in lines to be published side by side, each in order."""
    heads: dict[str, str] = {}

    def head(key: str) -> str:
        while (above := heads.setdefault(key, key)) != key:
            key = above
        return key

    for row in rows:
        for key in keys_beside(row.topic, row.value):
            heads[head(key)] = head(row.key)
    lines: defaultdict[str, list[SpooledEvent]] = defaultdict(list)
    for row in rows:
        lines[head(row.key)].append(row)
    return list(lines.values())
