"""What `web` asks of Postgres.

That is a conversation as the API gives it, events that wait for Kafka, outcomes of calls and commands (see
`rules/outcomes.py`), and figures of a day, of a campaign and of what is stuck.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from db.queries import Query, load
from schemas.rows import Json

_sql = load("gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPage:
    """A conversation with a page of its messages. Times are as the contract writes them."""

    phone_number: str
    client_name: str | None
    status: str | None
    elevenlabs_conversation_id: str
    agent_id: str
    started_at: str | None
    last_message_at: str | None
    message_count: int
    #: Messages (id, direction, content, timestamp), oldest first.
    page: list[Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageParams:
    """Twilio's raw parameters of a message that has files; None for one without."""

    params: dict[str, str] | None


CONVERSATION: Final = Query(_sql.conversation, ConversationPage)
MESSAGE_PARAMS: Final = Query(_sql.message_params, MessageParams)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledEvent:
    """An event in its place in the spool. `trace`: its `traceparent`."""

    id: int
    topic: str
    key: str
    value: bytes
    request_id: str | None
    trace: str | None


SPOOL_HEAD: Final = Query(_sql.spool_head, SpooledEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcomeRow:
    """Outcome of a call. `state`: begun, done, failed; `error`: status, error, details of a failed one."""

    event_id: str
    state: str
    conversation_id: int | None
    error: Json | None
    sid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutcomeRow:
    """A command and its outcome."""

    event_id: str
    phone_number: str
    command: str
    #: None while it is under way.
    outcome: Json | None
    #: The conversation's now.
    status: str | None
    conversation_id: int | None
    #: The person's other addresses.
    others: list[str]


CALL_OUTCOMES: Final = Query(_sql.call_outcomes, CallOutcomeRow)
COMMAND_OUTCOMES: Final = Query(_sql.command_outcomes, CommandOutcomeRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """See `db/sql/gateway.sql`. `response_quantiles`: p50, p95, p99; None without an answer."""

    active_conversations: int
    total_conversations_today: int
    messages_sent_today: int
    messages_received_today: int
    answered_today: int
    avg_response_time_seconds: float
    response_quantiles: list[float] | None
    active: int
    completed: int
    failed: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDay:
    """What became of the calls of one day. `reasons`: how often each refused a message."""

    day: str
    started: int
    delivered: int
    read: int
    answered: int
    escalated: int
    stopped: int
    failed: int
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFigures:
    """Figures of what is stuck, with ages in seconds. `refused`: failures of the last hour by code."""

    spooled: int
    oldest_spooled: Decimal | None
    oldest_waiting: Decimal | None
    last_ended: Decimal | None
    refused: dict[str, int]


DAY: Final = Query(_sql.stats, DayFigures)
CAMPAIGN: Final = Query(_sql.campaign, CampaignDay)
WORK: Final = Query(_sql.work, WorkFigures)
