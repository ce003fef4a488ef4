"""What a turn is made of: the inputs that wait for one, its messages, and why they wait."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from schemas.rows import Json

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
    origin_kind: str | None = None  #: kind of that turn, where a repetition itself came back
    notice: str | None = None  #: which of our own short texts it is

    def kind_in(self, turn_kind: str) -> str:
        """Return the kind that its row has: of a repetition also of what it repeats."""
        return turn_kind if self.origin_kind is None else f"{turn_kind}:{self.origin_kind}"


def readdressed(parts: tuple[Part, ...], to: str) -> tuple[Part, ...]:
    """Return the parts, of which those that have not gone out go to another address."""
    return tuple(replace(part, to=to) if part.state == "planned" else part for part in parts)


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
