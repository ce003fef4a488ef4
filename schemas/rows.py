"""What a conversation's events change in the tables, as values: made by `rules.project`, written by
`db.store`.

Columns are those of `db/schema.sql`. Times are aware, UTC. JSON values are whatever `json` can write.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict

Json = dict[str, Any]
InputKind = Literal["call", "message", "command", "report"]


class ConversationColumns(TypedDict, total=False):
    """Columns of `conversation_state` that the service owns. What is absent stays as the row has it."""

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
    """One row of `conversation_state`, made where there is none with this id.

    `metadata`: keys that are set; `removed_metadata`: keys that go first; `archived_call`: appended to
    `metadata.calls`; `messages`: added to `message_count`.
    """

    id: int
    phone_number: str
    columns: ConversationColumns = field(default_factory=ConversationColumns)
    metadata: Json = field(default_factory=dict)
    removed_metadata: tuple[str, ...] = ()
    archived_call: Json | None = None
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
    """A delivery report reached a message; a time that is there already stays."""

    id: int
    delivered_at: datetime | None = None
    read_at: datetime | None = None


class SendColumns(TypedDict, total=False):
    """Columns of `conversation_sends` besides its key. What is absent stays as the row has it."""

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
    """One row of `conversation_sends`, made where there is none with this own id (a UUID)."""

    own_id: str
    columns: SendColumns


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRow:
    """An event's id is remembered. Any write that repeats one is refused as a whole."""

    kind: InputKind
    event_id: str
    phone_number: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an event came to, for whoever waits for it over HTTP. `outcome`: see `rules/outcomes.py`."""

    kind: InputKind
    event_id: str
    outcome: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionChange:
    """Who asked for no more messages. `since` None: wants them again."""

    phone_number: str
    source: str = "client"
    event_id: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendPost:
    """What the backend is told by a signed POST, in the order of `number`, until it has taken it."""

    conversation_id: int
    number: int
    phone_number: str
    payload: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendPostTaken:
    """The backend has taken a post, or never will: its row goes."""

    conversation_id: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesRemoved:
    """Rows of `conversation_messages` whose time is over go; `message_count` follows by a `ConversationChange`."""

    conversation_id: int
    message_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """All rows of a number go, but its suppression and the bare ids of its events; a digest of it stays."""

    conversation_id: int | None
    phone_number: str
    at: datetime


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
"""One change to the tables, in the order in which they are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One event of `conversation_log`. `sequence`: of its partition, given out by its owner, for publication."""

    number: int
    sequence: int
    type: str
    at: datetime
    data: Json
