"""What the statistics are checked against and rebuilt from; see `db/sql/stats.sql`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from db.queries import Query, load

_sql = load("stats")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Turns that ended within a period."""

    completed: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures(Ended):
    """`stored`: what waits in Postgres; `active`: conversations under way."""

    stored: int
    active: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationId:
    id: int
    phone_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldConversation(ConversationId):
    """A conversation whose record is kept. `event_number`: of its newest event."""

    event_number: int


class LoggedEvent(TypedDict):
    """An event without its words. `at`: ISO, UTC; `version`: of one that a build before the log wrote."""

    number: int
    type: str
    at: str
    version: int | None
    data: dict[str, Any]


class KeptMessage(TypedDict):
    """A row of the contract's table. `at`: ISO, UTC."""

    id: int
    direction: str
    at: str
    turn_id: int | None


class FirstReport(TypedDict):
    """A first message was delivered, or `read`."""

    turn_id: int
    read: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeConversation(ToldConversation):
    """A conversation. `events`: at least one; `waiting`: how many of them Kafka is not known to have."""

    status: str | None
    waiting: int
    events: Sequence[LoggedEvent]
    messages: Sequence[KeptMessage]
    reports: Sequence[FirstReport]


QUEUE: Final = Query(_sql.queue, QueueFigures)
ENDED: Final = Query(_sql.ended, Ended)
TOLD: Final = Query(_sql.told, ToldConversation)
IDS_OF: Final = Query(_sql.ids_of, ConversationId)
RECORDS: Final = Query(_sql.records, WholeConversation)
