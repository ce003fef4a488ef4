"""Rows of the build before the conversation log (schema version 0020), as the upgrade reads them.

Times are aware, UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerInput:
    """A row of `conversation_input`."""

    kind: str
    event_id: str
    address: str
    #: The body of the call or command; for a message, what the worker made of it.
    payload: Json
    received_at: datetime
    taken_at: datetime
    #: Of its row in `conversation_messages`.
    message_id: int | None = None
    #: Text of the message that it replies to.
    quoted: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerSend:
    """A row of `conversation_send`. `came_back`: it is to be said again."""

    own_id: str
    part: int
    to_address: str
    body: str
    content: Json | None
    state: str
    tries: int
    sid: str | None = None
    status: str | None = None
    came_back: bool = False
    intended_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerTurn:
    """A row of `conversation_turn` with its events and messages."""

    id: int
    kind: str
    state: str
    begun_at: datetime
    request_id: str | None = None
    reply: Json | None = None
    answered_at: datetime | None = None
    due_at: datetime | None = None
    holds: int = 0
    rule: Json = field(default_factory=dict)
    again: str | None = None
    replay: str | None = None
    inputs: tuple[FormerInput, ...] = ()
    sends: tuple[FormerSend, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerRow:
    """A row of `conversation_state`. `call`, `has_details` and `agent_changed` are from its metadata."""

    id: int
    event_number: int
    client_name: str | None
    elevenlabs_conversation_id: str
    agent_id: str
    batch_id: str | None
    recipient_id: str | None
    status: str | None
    call_summary: str | None
    call_duration_secs: int | None
    started_at: datetime | None
    last_message_at: datetime | None
    closed_at: datetime | None
    address: str | None
    last_inbound_at: datetime | None
    escalated_at: datetime | None
    message_count: int
    call: Json
    has_details: bool
    agent_changed: bool
    #: When a person took over whose words the agent does not know.
    escalated_since: datetime | None = None
    #: Of the newest call's first message.
    first_sid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerPost:
    """A row of `conversation_backend_post`. `payload`: the event."""

    payload: Json
    tries: int
    due_at: datetime
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerReplay:
    """A replayed event, with its turn, that waits until its number is free."""

    #: Empty where its failed turn is to go on.
    replay: str
    event: FormerInput
    turn: FormerTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerSuppression:
    """A row of `conversation_suppression`."""

    source: str
    event_id: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerConversation:
    """All that the former build has on one number, except what is over."""

    #: The canonical number.
    key: str
    row: FormerRow | None = None
    suppression: FormerSuppression | None = None
    #: Those that are open, that failed, or of which something came back.
    turns: tuple[FormerTurn, ...] = ()
    #: What waits for its turn, in order.
    parked: tuple[FormerInput, ...] = ()
    posts: tuple[FormerPost, ...] = ()
    #: Delivery reports whose message was not known.
    reports: tuple[Json, ...] = ()
    replays: tuple[FormerReplay, ...] = ()
    #: Tries at the call's details, and when the next one is due.
    lookup: tuple[int, datetime] | None = None
    newest_command: int = 0
    #: The newest ones that changed something: position, and who gave them.
    commands: tuple[tuple[int, str], ...] = ()
