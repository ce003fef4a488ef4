"""What happens to one outgoing message, from the intention to its last delivery report."""

from dataclasses import dataclass, field
from datetime import datetime

from rules.turns import CameBack, Turn
from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """The vendor is about to be asked. `content`: the template that it goes out as from now on."""

    own_id: str
    content: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknown:
    """Nobody knows whether the vendor took a message; it is looked up.

    `lives_until`: the latest moment, by our clock, at which the attempt can take effect; None if not known.
    """

    own_id: str
    why: str
    lives_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Planned messages will not be sent any more. `reason`: opted_out, escalated, closed, no_template."""

    own_ids: tuple[str, ...]
    reason: str
    turn_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The vendor accepted a message."""

    own_id: str
    sid: str
    content: str
    kind: str
    turn_id: int
    part: int
    message_id: int
    is_last: bool  #: its turn is done
    sent_at: datetime
    answers: tuple[str, ...] = ()
    response_seconds: float | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    status: str | None = None
    marks: Json = field(default_factory=dict)  #: more of the message's metadata
    request_id: str | None = None
    proven: Turn | None = None  #: its turn, if it was left to an operator and is not the one under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A delivery report, the furthest so far. `rank`: see `schemas.statuses`."""

    own_id: str
    sid: str
    status: str
    rank: int
    kind: str
    turn_id: int
    message_id: int | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed:
    """A report says that a message did not arrive. `came_back`: it goes out again."""

    own_id: str
    sid: str
    status: str
    rank: int
    kind: str
    turn_id: int
    message_id: int | None = None
    code: str | None = None
    reason: str | None = None
    vendor_words: str | None = None
    came_back: CameBack | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedEarly:
    """A report with nothing but the vendor's id came while an acceptance is awaited."""

    sid: str
    status: str
    rank: int
    at: datetime
    failure: str | None = None
    code: str | None = None
    reason: str | None = None
    words: str | None = None
