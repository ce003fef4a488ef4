"""The order of publishing spooled events: by key, and by person if a message names another address. Pure.

There is none between keys; but what somebody wrote from an id must not come after the message that shows
whose id it is.
"""

from collections import defaultdict
from collections.abc import Sequence

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
