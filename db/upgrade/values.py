"""What a conversation of the former build becomes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from db.store.ids import IdBlocks
from schemas.former import FormerConversation
from schemas.rows import Change, Json, LogRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A moved conversation. `state` (JSON), `is_open`, `due_at`: see `db.store.write`."""

    phone_number: str
    conversation_id: int
    state: bytes
    is_open: bool
    due_at: datetime | None
    #: Still without sequences.
    log: tuple[LogRow, ...]
    changes: tuple[Change, ...]
    #: Turns that failed, as JSON.
    failed: tuple[Json, ...] = ()


Convert = Callable[[FormerConversation, datetime, IdBlocks], Moved]
"""Decides what becomes of a conversation at a time (aware)."""

Place = Callable[[str, int], int]
"""Returns a number's partition, given how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What the rules and Kafka contribute."""

    convert: Convert
    place: Place
