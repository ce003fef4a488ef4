"""What happens to the conversation as a whole."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rules.person import OptOut
from rules.state import Conversation
from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A conversation begins, or begins again in the same row."""

    client_name: str
    agent_id: str
    elevenlabs_conversation_id: str = ""
    address: str = ""
    agent_name: str | None = None
    batch_id: str | None = None
    batch_name: str | None = None
    group_id: str | None = None
    group_name: str | None = None
    language: str | None = None
    stands: Literal["escalated", "closed"] | None = None  #: a takeover that came after the call
    recipient_id: str | None = None
    status: str | None = None
    turn_id: int | None = None
    request_id: str | None = None
    received_at: datetime | None = None
    event_id: str | None = None  #: under which the call waited, if not its own id
    call: Json | None = None  #: the body of `call-completed`; None if nobody was called
    former: Json | None = None  #: the previous call, to be archived
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A call begins no conversation, or an operator's text is not sent after all.

    `reason`: opted_out, skipped (the call's status), repeated (a lead's later attempt), superseded (replayed
    after a later call has come), refused (a text that may no longer be sent).
    """

    event_id: str
    reason: Literal["opted_out", "skipped", "repeated", "superseded", "refused"]
    outcome: Json
    kind: Literal["call", "write"] = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    """Who speaks changes: the agent (active), a person (escalated), nobody (closed)."""

    status: Literal["active", "escalated", "closed"]
    by: str  #: client, agent, operator, silence, time, vendor
    operator: str | None = None
    command_id: str | None = None
    reason: str | None = None
    message_sid: str | None = None
    turn_id: int | None = None
    tells_backend: bool = False  #: by a signed POST, until it has taken it


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOut:
    """The person wants no messages from us."""

    opt_out: OptOut
    by: str
    message_sid: str | None = None
    code: str | None = None
    tells_backend: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedIn:
    """The person wants our messages again."""

    by: str
    message_sid: str | None = None
    tells_backend: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanged:
    """Another agent answers from now on."""

    agent_id: str
    before: str
    by: str
    operator: str
    command_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded:
    """An operator's command was taken up. `outcome`: None while a text that it writes is under way."""

    command_id: str
    command: str
    by: str
    position: int
    changed: bool
    payload: Json
    outcome: Json | None = None
    turn_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsLearned:
    """What ElevenLabs knows of the call by now. `is_whole`: nothing is left to ask for."""

    call_summary: str | None
    call_duration_secs: int | None
    details: Json
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupsEnded:
    """The call's details did not come and are no longer asked for."""

    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The backend has taken an event of ours, or never will. `number`: the event's."""

    number: int
    gave_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PostDeferred:
    """The backend did not take an event of ours; it is told again at `due`."""

    number: int
    due: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """Messages have been kept for as long as they should be; their rows are gone."""

    message_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The result of all earlier events, so that they can be removed from the log."""

    state: Conversation
