"""What the operators' pages show. Times of the contract's tables have no zone, and are UTC."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from db.queries import Query, load
from schemas.rows import Json

_sql = load("ops")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedConversation:
    """A list entry. `failed`: what was said last could not be sent; `newest`: the newest message's text."""

    id: int
    phone_number: str
    client_name: str | None
    status: str | None
    batch_id: str | None
    last_message_at: datetime
    message_count: int | None
    batch_name: str | None
    waiting: bool
    failed: bool | None
    newest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationHead:
    """What is known about a conversation. `newest_command`: position of the newest one that was done."""

    id: int
    phone_number: str
    client_name: str | None
    status: str | None
    agent_id: str
    elevenlabs_conversation_id: str
    batch_id: str | None
    call_summary: str | None
    call_duration_secs: int | None
    started_at: datetime | None
    last_message_at: datetime | None
    last_inbound_at: datetime | None
    closed_at: datetime | None
    message_count: int | None
    event_number: int
    call: Json | None
    earlier_calls: list[Json] | None
    newest_command: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """A message with its ticks. `params`: Twilio's, if it has files."""

    id: int
    direction: str
    content: str
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    metadata: Json | None
    status: str | None
    error_code: str | None
    sid: str | None
    params: dict[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """A turn, from what came in to what was sent."""

    #: None while its answer is not there.
    id: int | None
    kind: str
    state: str
    begun_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    holds: int
    error: Json | None
    #: Why the agent gave no answer, with code and reason.
    problem: Json | None
    #: Which of our own short texts it is.
    notice: str | None
    received_at: datetime | None
    inputs: int
    #: A message each.
    sends: list[Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """What changed a conversation's state, and who did it."""

    type: str
    at: datetime
    by: str | None
    operator: str | None
    agent_id: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NowFigures:
    """What is going on at this moment."""

    turns_a_minute: int
    active: int
    held: int
    parked: int
    spooled: int
    oldest_seconds: Decimal | None
    escalated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTimes:
    """Response times in seconds; None without an answer."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckTurn:
    """Work that has been open for long."""

    phone_number: str
    conversation_id: int | None
    kind: str
    state: str
    begun_at: datetime
    due_at: datetime | None
    holds: int
    tries: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTurns:
    """How many turns ended in a time slot."""

    slots_ago: int
    done: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestChange:
    """Numbers that grow with whatever is told of any conversation."""

    published: int
    message: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationChange:
    """A conversation's newest event. `there`: who has its page open."""

    phone_number: str
    event_number: int
    there: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedNumber:
    """A number that wants no messages, and what caused it."""

    phone_number: str
    source: str
    event_id: str
    since: datetime
    client_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCampaign:
    """A campaign by its newest conversation."""

    batch_id: str
    conversations: int
    newest: datetime | None
    batch_name: str | None


def _operator(*, operator: str) -> str:
    return operator


def _agent(*, agent_id: str) -> str:
    return agent_id


CONVERSATIONS: Final = Query(_sql.conversations, ListedConversation)
HEAD: Final = Query(_sql.conversation_head, ConversationHead)
MESSAGES: Final = Query(_sql.messages, Bubble)
TURNS: Final = Query(_sql.turns, TurnRow)
STATUS_CHANGES: Final = Query(_sql.actions, StatusChange)
NOW: Final = Query(_sql.now, NowFigures)
RESPONSE_TIMES: Final = Query(_sql.response_times, ResponseTimes)
STUCK: Final = Query(_sql.stuck, StuckTurn)
TURNS_OVER_TIME: Final = Query(_sql.turns_over_time, EndedTurns)
NEWEST_CHANGE: Final = Query(_sql.newest_change, NewestChange)
CONVERSATION_CHANGES: Final = Query(_sql.conversation_changes, ConversationChange)
SUPPRESSED: Final = Query(_sql.suppressed, SuppressedNumber)
CAMPAIGNS: Final = Query(_sql.campaigns, ListedCampaign)
LATEST_AGENTS: Final = Query(_sql.latest_agents, _agent)
PRESENT: Final = Query(_sql.present, _operator)
