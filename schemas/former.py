"""Rows of the build before the conversation log (schema version 0020), as its upgrade reads them. Times are aware, UTC."""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerInput:
    """A row of `conversation_input`. `message_id`: of its row in `conversation_messages`; `quoted`: text of the message
    that it replies to; `payload`: the call's or the command's body, or of a message what the worker made of it.
    """

    kind: str
    event_id: str
    address: str
    payload: Json
    received_at: datetime
    taken_at: datetime
    message_id: int | None = None
    quoted: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerSend:
    """A row of `conversation_send`. `came_back`: it is to be said once more."""

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
    """A row of `conversation_turn` with its events and its messages."""

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
    """A row of `conversation_state`. `call`, `has_details`, `agent_changed`: of its metadata; `escalated_since`: when a
    person stood in whose words the agent does not know; `first_sid`: of the newest call's first message.
    """

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
    escalated_since: datetime | None = None
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
    """A replayed event that waits until its number is free. `replay`: empty where its failed turn is to go on; `turn`:
    its turn.
    """

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
    """All that the former build has of one number, but for what is over. `key`: the canonical number.

    `turns`: those that are open, that failed, or of which something came back; `parked`: what waits for its turn, in
    its order; `lookup`: tries at the call's details, and when the next one is due; `reports`: delivery reports whose
    message was not known; `commands`: the newest ones that changed something, by position, and who gave them.
    """

    key: str
    row: FormerRow | None = None
    suppression: FormerSuppression | None = None
    turns: tuple[FormerTurn, ...] = ()
    parked: tuple[FormerInput, ...] = ()
    posts: tuple[FormerPost, ...] = ()
    reports: tuple[Json, ...] = ()
    replays: tuple[FormerReplay, ...] = ()
    lookup: tuple[int, datetime] | None = None
    newest_command: int = 0
    commands: tuple[tuple[int, str], ...] = ()
