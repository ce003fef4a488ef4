"""A conversation's changes to the tables, as values: made by `rules.project`, written by `db.store`.

Columns are those of `db/schema.sql`. Times are aware, UTC. JSON values are whatever `json` can write.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict

Json = dict[str, Any]
InputKind = Literal["call", "message", "command", "report"]


class ConversationColumns(TypedDict, total=False):
    """Columns of `conversation_state` that the service owns. Absent ones stay as the row has them."""

    client_name: str | None
    elevenlabs_conversation_id: str
    agent_id: str
    batch_id: str | None
    recipient_id: str | None
    status: str
    call_summary: str | None
    call_duration_secs: int | None
    started_at: datetime
    last_message_at: datetime
    closed_at: datetime | None
    address: str
    last_inbound_at: datetime | None
    escalated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationChange:
    """One row of `conversation_state`, created if there is none with this id."""

    id: int
    phone_number: str
    columns: ConversationColumns = field(default_factory=ConversationColumns)
    #: Keys to set.
    metadata: Json = field(default_factory=dict)
    #: Keys to remove first.
    removed_metadata: tuple[str, ...] = ()
    #: Appended to `metadata.calls`.
    archived_call: Json | None = None
    #: Added to `message_count`.
    messages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A new row of `conversation_messages`."""

    id: int
    conversation_id: int
    direction: Literal["inbound", "outbound"]
    content: str
    twilio_message_id: str | None
    sent_at: datetime
    elevenlabs_response: Json | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    metadata: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTimes:
    """Times that a message's delivery report brought; one that is already set stays."""

    id: int
    delivered_at: datetime | None = None
    read_at: datetime | None = None


class SendColumns(TypedDict, total=False):
    """Columns of `conversation_sends` besides its key. Absent ones stay as the row has them."""

    phone_number: str
    conversation_id: int
    turn_id: int
    turn_kind: str
    part: int
    to_address: str
    body: str
    content: Json | None
    state: str
    tries: int
    sid: str | None
    status: str | None
    rank: int
    error_code: str | None
    message_id: int | None
    planned_at: datetime
    intended_at: datetime | None
    accepted_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    times: int
    origin_turn: int
    origin_part: int
    came_back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendChange:
    """One row of `conversation_sends`, created if there is none with this own id (a UUID)."""

    own_id: str
    columns: SendColumns


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRow:
    """An event's id, to be remembered. Any write that repeats one is refused as a whole."""

    kind: InputKind
    event_id: str
    phone_number: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An event's outcome, for whoever waits for it over HTTP. `outcome`: see `rules/outcomes.py`."""

    kind: InputKind
    event_id: str
    outcome: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionChange:
    """A number that asked for no more messages. `since` None: it wants them again."""

    phone_number: str
    source: str = "client"
    event_id: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendPost:
    """A signed POST to the backend, in the order of `number`, until the backend has taken it."""

    conversation_id: int
    number: int
    phone_number: str
    payload: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendPostTaken:
    """A post that the backend has taken, or never will: its row is removed."""

    conversation_id: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesRemoved:
    """Removal of expired rows of `conversation_messages`; a `ConversationChange` adjusts `message_count`."""

    conversation_id: int
    message_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Removal of a number's rows except its suppression and the bare ids of its events; its digest stays."""

    conversation_id: int | None
    phone_number: str
    at: datetime
    #: Id of the newest event in the spool that came before the erasure; None: all did.
    spooled_until: int | None = None


Change = (
    ConversationChange
    | MessageRow
    | MessageTimes
    | SendChange
    | SeenRow
    | Outcome
    | SuppressionChange
    | BackendPost
    | BackendPostTaken
    | MessagesRemoved
    | Erasure
)
"""One change to the tables; changes are made in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One event of `conversation_log`. `sequence`: per partition, assigned by its owner, for publication."""

    number: int
    sequence: int
    type: str
    at: datetime
    data: Json
