"""Dead letters as the index has them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from db.queries import Query, load
from schemas.rows import Json

_sql = load("dead_letters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a partition of the topic has been read."""

    partition: int
    next_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRow:
    """A dead letter."""

    id: str
    state: str
    topic: str
    source_partition: int
    source_offset: int
    phone_number: str | None
    reason: str
    details: str
    tries: int
    #: UTC, without a zone.
    buried_at: datetime
    #: What was done with it.
    closed: Json | None
    #: Of its value in bytes.
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeLetter(LetterRow):
    """A dead letter with key and value as they came."""

    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A letter in which nobody has looked for numbers yet."""

    id: str
    key: bytes | None
    value: bytes | None
    details: str


UNREAD: Final = Query(_sql.unread, Unread)
POSITIONS: Final = Query(_sql.positions, Position)
PAGE: Final = Query(_sql.page, LetterRow)
ONE: Final = Query(_sql.one, WholeLetter)
OPEN_ONES: Final = Query(_sql.open_ones, LetterRow)
