"""What becomes of an outgoing message: the vendor's answer, a look-up, a delivery report."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rules.turns import Part, Turn
from schemas.events import MessageStatus
from schemas.rows import Json

FailureKind = Literal["suppress", "outside_window", "slow", "passing", "final"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A report's verdict on a message that did not arrive.

    `kind`: suppress (the person wants none), outside_window, slow (too many to one person), passing
    (another temporary reason), final.
    """

    kind: FailureKind
    code: str | None = None
    reason: str | None = None
    vendor_words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSend:
    """A send as its table has it."""

    own_id: str
    turn_id: int
    turn_kind: str  #: of a repetition `again`, and behind a colon what it repeats
    part: int
    to: str
    body: str
    content: Json | None
    state: str
    rank: int
    sid: str | None
    message_id: int | None
    planned_at: datetime  #: when it was first said
    intended_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    times: int = 0  #: how often it came back since
    came_back: bool = False  #: it was said again
    origin_turn: int | None = None  #: where it was first said; None: here
    origin_part: int | None = None  #: its place there; None: here
    conversation_id: int | None = None  #: None: this one

    @property
    def is_again(self) -> bool:
        """Whether it repeats an earlier message."""
        return self.turn_kind.partition(":")[0] == "again"

    @property
    def said_kind(self) -> str:
        """Kind of the turn that said it first, as far as known; rows of former builds have `again` alone."""
        return self.turn_kind.partition(":")[2] or self.turn_kind

    def as_part(self) -> Part:
        """Return the message, for saying it again."""
        return Part(
            own_id=self.own_id,
            to=self.to,
            body=self.body,
            content=self.content,
            said_at=self.planned_at,
            times=self.times,
            origin_turn=self.turn_id if self.origin_turn is None else self.origin_turn,
            origin_part=self.part if self.origin_part is None else self.origin_part,
            origin_kind=self.said_kind,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTurn:
    """A turn with a send that was left to an operator."""

    turn: Turn  #: its parts are accepted, unknown (the send in question) or planned (never tried)
    superseded: bool = False  #: something later reached the client, or a later call began


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReported:
    """A delivery report."""

    sid: str | None
    status: str
    rank: int
    at: datetime
    own_id: str | None = None
    delivered: bool = False
    read: bool = False
    failure: Failure | None = None
    send: KnownSend | None = None  #: the send that it is about; None if the table has none
    held: HeldTurn | None = None  #: its turn, if the send was left to an operator
    report: MessageStatus | None = None  #: as it came, for passing it on


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAccepted:
    """The vendor has a message."""

    own_id: str
    sid: str
    status: str | None = None
    body: str | None = None  #: as the vendor filled a template
    at: datetime | None = None  #: since when; None: now


@dataclass(frozen=True, slots=True, kw_only=True)
class SendNotMade:
    """Certainly nothing was sent.

    `sender_until`: the vendor takes no more first messages of this sender until then (63018 of several
    numbers in a row, or it refuses our account).
    """

    own_id: str
    why: str
    code: str | None = None
    retry_after: float | None = None
    slow: bool = False  #: the vendor takes no more for this one person now
    sender_until: datetime | None = None
    vendor_away: bool = False  #: everybody waits for it, so this one's waits do not grow


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRefused:
    """The vendor refuses a message for good. `by_person`: because the person wants none."""

    own_id: str
    why: str
    code: str | None = None
    by_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendUnknown:
    """Nobody knows whether the vendor took a message."""

    own_id: str
    why: str
    answered: bool = False  #: it said something, so the attempt is over
    left_at: datetime | None = None  #: when it left us; None if not known


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupDone:
    """An unknown send was looked up."""

    own_id: str
    sid: str | None = None  #: it was found
    absent: bool = False  #: if not: it is proven that it was not made
    proof_at: datetime | None = None  #: if neither: from when on a list may prove that; None if not known
    over_at: datetime | None = None  #: if neither: when patience ends; None if not known
