"""What our own effects come to, and timers."""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.commands import ConversationCommand
from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    """A due time of the state has come.

    `calls_read_until`: calls published before this time have been taken up, so a message from before it whose
    number has no conversation has no call either; None: all calls have.
    """

    calls_read_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """The actor was loaded. `running`: ids of its effects that are under way in this process."""

    running: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSlot:
    """When a campaign's next first message may begin."""

    turn_id: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """What ElevenLabs knows of a call. `kept`: transcript and variables, as `metadata.details`."""

    call_id: str
    summary: str | None
    duration_secs: int | None
    kept: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsFetched:
    """ElevenLabs was asked about the call."""

    call_id: str
    details: CallDetails | None  #: None if it does not know, or did not answer in time
    slot: bool = False  #: the sender's rate has a place for the first message right now


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsTold:
    """ElevenLabs tells of a call unasked: by its post-call webhook, or by what a back-fill finds."""

    details: CallDetails
    command: ConversationCommand | None = None  #: as it came, for passing it on


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAnswered:
    """The agent answered."""

    question: tuple[str, ...]  #: ids of the messages it was asked
    text: str
    reply: Json
    seconds: float
    tools: tuple[str, ...] = ()  #: client tools it used
    ended: bool = False  #: it ended the conversation by its tool
    caught_up: bool = False
    details: CallDetails | None = None
    slot: bool = False  #: the sender's rate has a place for the first part right now


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFailed:
    """The agent did not answer."""

    question: tuple[str, ...]
    retryable: bool  #: it may do so later
    why: str
    code: str | None = None
    retry_after: float | None = None  #: seconds it asked for
    seconds: float = 0.0  #: how long it was tried, or waited for with everybody else
    vendor_away: bool = False  #: everybody waits for the vendor, so it costs no patience
    details: CallDetails | None = None  #: of the call, if the attempt learned them
    slot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotTaken:
    """A send has its place in the vendor's rate, and asks once more whether it may go."""

    own_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendAnswered:
    """The backend was told of an event of a conversation. `problem`: why it did not take it."""

    conversation_id: int
    number: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterPublished:
    """Kafka has a letter to another actor."""

    letter_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesExpired:
    """Messages are older than `MESSAGE_RETENTION_DAYS`. `message_ids`: of rows of this conversation."""

    conversation_id: int
    message_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPurged:
    """The log is about to lose the conversation's old events, so a snapshot must come first."""
