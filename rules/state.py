"""The state of a conversation: what deciding about its next input needs, and no more. All values are frozen.

It is a small row, not the past: messages, earlier calls and sends that are done live in tables of their own,
and what an input needs of them comes with it. Times are aware, UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from schemas.events import UNCONNECTED
from schemas.rows import Json

if TYPE_CHECKING:
    from dataclasses import replace as replace
else:

    def replace(value: Any, /, **changes: Any) -> Any:  # noqa: ANN401 - checkers take the other one
        """Return a value with some fields changed, as `dataclasses.replace` does, at a fifth of its cost.

        An event changes a few of the state's fifty fields, several times; having the constructor
        set each of them anew took a tenth of the worker's time. It is for the values of this file,
        which therefore have no slots.
        """
        changed = object.__new__(type(value))
        object.__setattr__(changed, "__dict__", {**value.__dict__, **changes})
        return changed


Status = Literal["active", "escalated", "closed"]
TurnKind = Literal["call", "reply", "again", "write"]
WaitReason = Literal["campaign_pace", "quiet_hours", "backoff", "slow_number", "sender_limit", "order"]
PartState = Literal["planned", "intended", "unknown", "accepted"]
IN_FLIGHT: Final[frozenset[PartState]] = frozenset({"intended", "unknown"})
"""The vendor may have such a message, or get it at any moment."""
SPARED: Final[frozenset[WaitReason]] = frozenset({"campaign_pace", "quiet_hours"})
"""Why a first message waits although it could go; a client who writes ends the wait."""
APOLOGY: Final = "apology"
"""Our own short text in place of an answer that cannot be given or sent."""
ENDED_BY_CLIENT: Final = SPARED | {"sender_limit"}
"""The same, and what WhatsApp allows as soon as the client writes: answers have no limit."""


@dataclass(frozen=True, kw_only=True)
class OptOut:
    """The person asked for no more messages. `event_id`: the message or vendor's code that caused it."""

    source: Literal["client", "twilio", "operator"]
    event_id: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """An input that is stored and has not had its turn.

    `kind`: a client's message, an ended call, an operator's text, one of our own short texts, or a failed
    turn that is to go on. `text`: what the agent is asked (messages), the short text's name (notices), the
    kind of the event that failed (replays).
    """

    kind: Literal["message", "call", "write", "notice", "replay"]
    event_id: str
    at: datetime
    text: str = ""
    message_id: int | None = None  #: of the message's row in `conversation_messages`
    payload: Json | None = None  #: the call's or command's body, or the metadata of a parked message's row
    intent: str | None = None  #: what a parked message commands
    address: str = ""  #: where it came from
    via: str | None = None  #: key of the client's other address that handed it over
    request_id: str | None = None
    replay: str | None = None  #: which replay, or `dead-letter`, brought it
    trace: str | None = None  #: its `traceparent`


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Nothing of this goes on before `until`."""

    reason: WaitReason
    until: datetime
    tries: int = 0  #: how often it was tried by then
    away: int = 0  #: how many of these cost nothing, because the vendor was away for everybody
    since: datetime | None = None  #: when the first of the others failed
    code: str | None = None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One outgoing message."""

    own_id: str  #: UUID of ours, in the callback's URL
    to: str
    body: str
    content: Json | None = None  #: the template that is sent instead of the body
    state: PartState = "planned"
    tries: int = 0  #: how often the vendor was about to be asked
    intended_at: datetime | None = None  #: when it last was
    wait: Wait | None = None  #: why it is not tried now
    holds: int = 0  #: how often it was put off, for the backoff
    lives_until: datetime | None = None  #: when an attempt of unknown outcome is over at the latest
    looked: int = 0  #: how often that was looked up
    said_at: datetime | None = None  #: when it was first said
    times: int = 0  #: how often it came back since
    origin_turn: int | None = None  #: the turn in which it was first said; None: this one
    origin_part: int | None = None  #: its place in that turn; None: the same
    notice: str | None = None  #: which of our own short texts it is


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A call's first message, an answer, an operator's text, or something that is said again."""

    id: int
    kind: TurnKind
    began_at: datetime
    answers: tuple[str, ...] = ()  #: ids of the client's messages that it answers, in order
    asked_at: datetime | None = None  #: when the first of what it answers came
    event_id: str | None = None  #: of the call or command
    request_id: str | None = None
    reply: Json | None = None  #: what the agent gave, raw
    seconds: float = 0.0  #: how long the agent took
    parts: tuple[Part, ...] = ()  #: empty while a call's first message is not made
    wait: Wait | None = None  #: why that is not made now
    holds: int = 0  #: how often it was put off
    paced: bool = False  #: its campaign has given it a slot
    operator: str | None = None  #: who wrote it
    replay: str | None = None
    reopened_at: datetime | None = None  #: when a replay last had it go on
    repeats: str | None = None  #: kind of the turn that said it first
    trace: str | None = None

    @property
    def next_part(self) -> Part | None:
        """The first part that is not known to be with the vendor."""
        return next((part for part in self.parts if part.state != "accepted"), None)

    @property
    def is_in_flight(self) -> bool:
        """Whether the vendor may have one of its messages, or get it right now."""
        return any(part.state in IN_FLIGHT for part in self.parts)

    @property
    def is_first(self) -> bool:
        """Whether it is a call's first message, or repeats one."""
        return "call" in (self.kind, self.repeats)

    @property
    def origin(self) -> int:
        """Id of the turn that said it first."""
        return next((part.origin_turn for part in self.parts if part.origin_turn is not None), self.id)


@dataclass(frozen=True, kw_only=True)
class CameBack:
    """Parts of one turn that the vendor accepted and could not deliver; they go out again, in order."""

    turn_id: int  #: of the turn that said them first
    kind: str  #: of that turn
    parts: tuple[Part, ...]
    since: datetime  #: when it said them
    due: datetime
    times: int = 0  #: how often they were repeated
    as_template: bool = False  #: they fell outside the 24-hour window


@dataclass(frozen=True, kw_only=True)
class Post:
    """An event of ours that the backend has not taken yet. `number`: the event's."""

    number: int
    made_at: datetime
    tries: int = 0
    due: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class EarlyReport:
    """A delivery report with only the vendor's id, of a message whose acceptance we have not heard of.

    `failure`: its verdict, see `rules.inputs.Failure`.
    """

    sid: str
    status: str
    rank: int
    at: datetime
    failure: str | None = None
    code: str | None = None
    reason: str | None = None
    words: str | None = None


@dataclass(frozen=True, kw_only=True)
class LastWords:
    """The client's newest message. `words`: a checksum of its words."""

    event_id: str
    at: datetime
    words: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """Another address of the same person, by its key.

    `state`: asked (its actor is to hand over what it has), joined (it has), late (it has not in time, and may
    do so yet), refused (the address is another number's).
    """

    key: str
    at: datetime  #: when a message told of it
    state: Literal["asked", "joined", "late", "refused"] = "asked"
    moved: bool = False  #: the person has left their previous address for this one


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What one address, the claimant, has to show that another one is the same person's."""

    about: str  #: the key that its message named
    is_parent: bool = False  #: named as the id that a person keeps with a new number
    user_ids: tuple[str, ...] = ()  #: the other ids of that message
    called_at: datetime | None = None  #: when the claimant was last called
    conversation_id: int | None = None  #: of the claimant
    granted: bool = False  #: it answers a claim, whose claimant is to merge into whoever grants it
    heir_of: str | None = None  #: key of the address that led here before and has merged into the claimant


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What one actor tells another: a `conversation-command` to be published."""

    id: str
    command: Json
    mark: str | None = None  #: of the replay that brought what is passed on


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """What an address gives to the number that it belongs to, once: the open work, the opt-out, the window.

    Messages of a conversation that has begun have their rows there; others have none yet.
    """

    conversation_id: int | None = None  #: where its history stays
    inbox: tuple[Waiting, ...] = ()
    opt_out: OptOut | None = None
    last_inbound_at: datetime | None = None
    has_begun: bool = False
    client_name: str | None = None
    agent_id: str = ""
    escalated: bool = False
    more: bool = False  #: another piece follows
    refused: bool = False  #: nothing is given: it is another number's
    about: str | None = None  #: the address that is refused; None: the one that says so
    links: tuple[str, ...] = ()  #: addresses that led there
    address: str = ""  #: where the client was written to


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One person's conversation."""

    key: str  #: the canonical number, or an id if none is known
    id: int | None = None  #: of the row in `conversation_state`; None before its first event
    has_begun: bool = False  #: there is such a row
    number: int = 0  #: of its newest event
    client_name: str | None = None
    agent_name: str | None = None
    group_name: str = ""
    language: str | None = None  #: of our own words; None: the usual one
    summary: str | None = None  #: of the call, as long as a template's value may be
    call_duration_secs: int | None = None
    agent_id: str = ""
    elevenlabs_conversation_id: str = ""
    call_status: str | None = None
    batch_id: str | None = None
    recipient_id: str | None = None
    first_sid: str | None = None  #: the vendor's id of the first message after the call
    address: str = ""
    status: Status = "active"
    started_at: datetime | None = None
    last_message_at: datetime | None = None
    last_inbound_at: datetime | None = None
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    taken_over_at: datetime | None = None  #: when an operator last escalated or closed it
    message_count: int = 0
    said_turn: int = 0  #: the newest turn that the client got something of, or that a call began
    #: the agent has not been told what was said since, because a person stood in
    said_meanwhile_since: datetime | None = None
    agent_changed: bool = False
    has_details: bool = False
    reports_come: bool = False  #: the vendor tells when our messages have left it
    last_words: LastWords | None = None  #: a repetition of these shares their answer; None: none to share
    opt_out: OptOut | None = None
    #: what waits for its turn, in order, parked messages of an unknown number included
    inbox: tuple[Waiting, ...] = ()
    parked_since: datetime | None = None  #: when the first of those came
    ask_wait: Wait | None = None  #: why the agent is not asked now
    turn: Turn | None = None
    behind: tuple[Turn, ...] = ()  #: turns whose rest waits until `turn` is over; the last one goes first
    came_back: tuple[CameBack, ...] = ()
    lookups: Wait | None = None  #: tries at the call's details; None: nothing is missing
    posts: tuple[Post, ...] = ()
    early_reports: tuple[EarlyReport, ...] = ()
    position: int = 0  #: of the newest command
    commands: tuple[tuple[int, str], ...] = ()  #: who had the newest commands done, by position
    links: tuple[Link, ...] = ()  #: the person's other addresses
    merging_into: str | None = None  #: the address that it was found to belong to, a number if any is known
    merged_into: str | None = None  #: the same; it has everything by now, and gets whatever comes
    outbox: tuple[Letter, ...] = ()  #: what other actors are to be told, in order
    erasing: Json | None = None  #: the command that erases it, once the other actors know
    erased: bool = False

    @property
    def questions(self) -> tuple[Waiting, ...]:
        """The client's messages at the head of the inbox: what the next answer is about."""
        head: list[Waiting] = []
        for waiting in self.inbox:
            if waiting.kind != "message":
                break
            head.append(waiting)
        return tuple(head)

    @property
    def call_id(self) -> str:
        """ElevenLabs' id of the call; empty for an unknown number, or a call that never connected."""
        known = self.elevenlabs_conversation_id
        return "" if known.startswith(UNCONNECTED) else known

    @property
    def awaits_first_message(self) -> bool:
        """Whether a first message is being made."""
        return self.turn is not None and self.turn.kind == "call" and not self.turn.parts

    @property
    def is_idle(self) -> bool:
        """Whether nothing is open: no input waits, no turn runs, nothing came back."""
        return not (self.inbox or self.turn or self.behind or self.came_back)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that are not over, the one under way first."""
        return (self.turn, *reversed(self.behind)) if self.turn is not None else ()
