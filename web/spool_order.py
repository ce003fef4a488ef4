"""The order in which spooled events are published: within a key, and within a person whose message names another address.

Between keys there is none; but what somebody wrote from an id is not to come behind the message that shows whose id it is.
Pure.
"""

from collections import defaultdict
from collections.abc import Sequence

from pydantic_core import from_json

from db.readers.gateway import SpooledEvent
from schemas.errors import InvalidNumber
from schemas.phone import linked_keys
from schemas.topics import INBOUND_MESSAGE


def keys_beside(topic: str, value: bytes) -> tuple[str, ...]:
    """Return the keys of the sender's other addresses that a message names; none of what cannot be read."""
    if topic != INBOUND_MESSAGE:
        return ()
    try:
        return linked_keys(from_json(value)["params"]).keys
    except (ValueError, LookupError, TypeError, AttributeError, InvalidNumber):
        return ()


def in_lines(rows: Sequence[SpooledEvent]) -> list[list[SpooledEvent]]:
    """Return events in lines that are published side by side, each in its order."""
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
