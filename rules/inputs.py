"""What can come to a conversation: from topics, from timers, from our own effects. Frozen values, times
aware, UTC.

An input carries whatever deciding needs beyond the state: a report its send, a message the text that it
quotes. It is read behind the conversation's own writes, so that it is not older than the state. Whether its id
has been seen before is known to the store (`SeenRow`, written when an input is taken up, so also while it waits),
and settled before anything is decided.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from rules.keywords import Intent
from rules.state import Claim, HandOver, Part, Turn, Waiting
from schemas.commands import ConversationCommand
from schemas.events import CallCompleted, InboundMessage, MessageStatus
from schemas.rows import Json

FailureKind = Literal["suppress", "outside_window", "slow", "passing", "final"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """A call ended.

    `former`: the conversation's call as its row has it when this one comes, for `metadata.calls`; `followed_up`:
    the vendor's id of the first message after an earlier attempt of the same lead (batch and recipient), where
    that call did not connect either, from the sends of any conversation. What both do not know yet, because it
    waits or is under way, the state knows.
    """

    call: CallCompleted
    received_at: datetime
    former: Json | None = None
    followed_up: str | None = None
    request_id: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """A client wrote. `text`: in words; `quoted`: text of the message it replies to, where that is one of
    this conversation; `is_reply`: it quotes one; `params`: raw, kept where the message has files; `linked`: keys
    of other addresses of the client's, by the vendor's word, `parent`: which of them they keep with a new number;
    `via`: it came from such a one; `message`: as it came, `mark`: of the replay that brings it, for whoever passes
    it on.
    """

    event_id: str
    address: str
    text: str
    received_at: datetime
    intent: Intent | None = None
    is_reply: bool = False
    quoted: str | None = None
    backfilled: bool = False
    replay: str | None = None
    request_id: str | None = None
    trace: str | None = None
    params: Json | None = None
    linked: tuple[str, ...] = ()
    parent: str | None = None
    via: str | None = None
    message: InboundMessage | None = None
    mark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBuried:
    """A client wrote, and it could not be taken up: the message is a dead letter. `via`: see `MessageReceived`."""

    event_id: str
    received_at: datetime
    address: str
    via: str | None = None
    request_id: str | None = None
    trace: str | None = None

    @property
    def identity(self) -> str:
        """By which this is remembered: under its own id the message may be given back."""
        return f"dead-letter:{self.event_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven:
    """An operator's command.

    Calls that were published before it have been taken up: a number without a conversation certainly has none.
    """

    command: ConversationCommand
    received_at: datetime
    request_id: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A report's verdict on a message that did not arrive.

    `kind`: suppress (the person wants none), outside_window, slow (too many to one person), passing (another
    reason that passes), final.
    """

    kind: FailureKind
    code: str | None = None
    reason: str | None = None
    vendor_words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSend:
    """A send as its table has it.

    `planned_at`: when it was said first; `times`: how often it came back since; `origin_turn`, `origin_part`:
    where it was said first, None: here; `came_back`: it was said once more; `conversation_id`: None: this one.
    """

    own_id: str
    turn_id: int
    turn_kind: str
    part: int
    to: str
    body: str
    content: Json | None
    state: str
    rank: int
    sid: str | None
    message_id: int | None
    planned_at: datetime
    intended_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    times: int = 0
    came_back: bool = False
    origin_turn: int | None = None
    origin_part: int | None = None
    conversation_id: int | None = None

    def as_part(self) -> Part:
        """Return what was said, for saying it again."""
        return Part(
            own_id=self.own_id,
            to=self.to,
            body=self.body,
            content=self.content,
            said_at=self.planned_at,
            times=self.times,
            origin_turn=self.turn_id if self.origin_turn is None else self.origin_turn,
            origin_part=self.part if self.origin_part is None else self.origin_part,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTurn:
    """A turn one of whose sends was left to an operator.

    `turn`: its parts are accepted, unknown (the send in question) or planned (never tried); `superseded`:
    something later reached the client, or a later call began.
    """

    turn: Turn
    superseded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReported:
    """A delivery report.

    `send`: whom it is about, None where the table has none; `held`: its turn, where the send was left to an
    operator; `report`: as it came, for whoever passes it on.
    """

    sid: str | None
    status: str
    rank: int
    at: datetime
    own_id: str | None = None
    delivered: bool = False
    read: bool = False
    failure: Failure | None = None
    send: KnownSend | None = None
    held: HeldTurn | None = None
    report: MessageStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    """A due time of the state has come.

    `calls_read_until`: calls that were published before have been taken up, so that a message of then whose
    number has no conversation has no call either; None: all of them.
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
    """ElevenLabs was asked about the call.

    `details`: None where it does not know, or did not answer in time; `slot`: the sender's rate has a place for
    the first message right now.
    """

    call_id: str
    details: CallDetails | None
    slot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsTold:
    """ElevenLabs tells of a call by itself: by its post-call webhook, or by what a back-fill finds. `command`: as it
    came, for whoever passes it on.
    """

    details: CallDetails
    command: ConversationCommand | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAnswered:
    """The agent answered. `question`: ids of the messages it was asked; `tools`: client tools it used;
    `ended`: it ended the conversation by its tool; `slot`: the sender's rate has a place for the first part
    right now.
    """

    question: tuple[str, ...]
    text: str
    reply: Json
    seconds: float
    tools: tuple[str, ...] = ()
    ended: bool = False
    caught_up: bool = False
    details: CallDetails | None = None
    slot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFailed:
    """The agent did not answer.

    `retryable`: it may do so later; `retry_after`: seconds it asked for; `seconds`: so long it was tried, or waited
    for with everybody else; `vendor_away`: everybody waits for the vendor, so it costs no patience; `details`: of
    the call, where it learned them.
    """

    question: tuple[str, ...]
    retryable: bool
    why: str
    code: str | None = None
    retry_after: float | None = None
    seconds: float = 0.0
    vendor_away: bool = False
    details: CallDetails | None = None
    slot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotTaken:
    """A send has its place in the vendor's rate, and asks once more whether it may go."""

    own_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAccepted:
    """The vendor has a message. `body`: as the vendor filled a template; `at`: since when, None: now."""

    own_id: str
    sid: str
    status: str | None = None
    body: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendNotMade:
    """Certainly nothing was sent.

    `slow`: the vendor takes no more for this one person now; `sender_until`: it takes no more first messages of
    this sender until then (63018 of several numbers in a row, or it refuses our account); `vendor_away`: everybody
    waits for it, so this one's waits do not grow.
    """

    own_id: str
    why: str
    code: str | None = None
    retry_after: float | None = None
    slow: bool = False
    sender_until: datetime | None = None
    vendor_away: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRefused:
    """The vendor refuses a message for good. `by_person`: because the person wants none."""

    own_id: str
    why: str
    code: str | None = None
    by_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendUnknown:
    """Nobody knows whether the vendor took a message. `answered`: it said something, so the attempt is over;
    `left_at`: when it left us, None where that is not known.
    """

    own_id: str
    why: str
    answered: bool = False
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupDone:
    """An unknown send was looked up. `sid`: it was found; else `absent`: it is proven that it was not made; else
    `proof_at`: from when on a list may prove that; `over_at`: when patience ends; None where it is not known.
    """

    own_id: str
    sid: str | None = None
    absent: bool = False
    proof_at: datetime | None = None
    over_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendAnswered:
    """The backend was told of an event of a conversation. `problem`: why it did not take it."""

    conversation_id: int
    number: int
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayWanted:
    """A replay asks for more than a redelivery does. `waiting`: the input as it came at first.

    `failed`: the turn of this input goes on where it failed: `turn` is how it stands now, with refused parts
    planned and held ones unknown, None where it failed before anything was said (a call that began nothing);
    `superseded`: something later reached the client, or a later call began; `burnt`: the vendor had accepted it and a
    report said that it failed, so that it is said once more. `again`: the input is done once
    more. `identity`: what a repetition is remembered by, once a replay; `message`, `mark`: see `MessageReceived`.
    """

    replay: str
    wants: Literal["failed", "again"]
    waiting: Waiting
    identity: str
    turn: Turn | None = None
    superseded: bool = False
    burnt: bool = False
    message: InboundMessage | None = None
    mark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTold:
    """A message showed that this address is another one's person's. `number`: that one's key, an id where no number
    is known; `command`: as it came, for whoever passes it on.
    """

    number: str
    command_id: str
    claim: Claim
    command: ConversationCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What another address of the person had. `key`: of that address."""

    key: str
    command_id: str
    over: HandOver


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterPublished:
    """Kafka has what another actor is told."""

    letter_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesExpired:
    """Messages are older than `MESSAGE_RETENTION_DAYS`. `message_ids`: of rows of this conversation."""

    conversation_id: int
    message_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPurged:
    """The log is about to lose the conversation's old events, so that a snapshot must come before."""


Input = (
    CallEnded
    | MessageReceived
    | MessageBuried
    | CommandGiven
    | DeliveryReported
    | TimerFired
    | Recovered
    | CampaignSlot
    | DetailsFetched
    | DetailsTold
    | AgentAnswered
    | AgentFailed
    | SlotTaken
    | SendAccepted
    | SendNotMade
    | SendRefused
    | SendUnknown
    | LookupDone
    | BackendAnswered
    | ReplayWanted
    | LinkTold
    | HandedOver
    | LetterPublished
    | MessagesExpired
    | LogPurged
)
