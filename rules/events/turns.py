"""What happens to what is said: messages that wait, answers, and their end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rules.turns import Part, Turn, Wait, Waiting
from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A call, an operator's text or one of our own short texts waits for its turn."""

    waiting: Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A client wrote."""

    message_sid: str
    content: str
    received_at: datetime
    message_id: int
    address: str
    via: str | None = None  #: key of the client's other address from which it came
    handed_over: bool = False  #: it came from there before that was known
    asks: bool = True  #: it waits for an answer
    same_as: str | None = None  #: id of the message that said the same before, whose answer it shares
    parked: bool = False  #: its number has no conversation yet
    request_id: str | None = None
    trace: str | None = None
    backfilled: bool = False
    replay: str | None = None
    late: bool = False  #: a newer one was taken up before
    intent: str | None = None  #: what it commands once its conversation begins
    starts: bool = False  #: it says START, be there something to undo or not
    params: Json | None = None  #: the vendor's, raw, of a message with files
    full_length: int | None = None  #: characters of `content` before it was cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Messages that will not be answered.

    `reason`: opted_out, escalated, closed, unknown_number, command (meant for us, not for the
    agent), dead_letter. Dead letters were never received, so their `identity` is remembered: they
    came at `came_at` from `address`.
    """

    message_sids: tuple[str, ...]
    reason: str
    identity: str | None = None
    came_at: datetime | None = None
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What is said in a turn is known: its messages are planned."""

    turn_id: int
    kind: str  #: of the turn
    text: str  #: before it was split
    parts: tuple[Part, ...]
    answers: tuple[str, ...] = ()  #: the question's messages
    asked_at: datetime | None = None
    reply: Json | None = None
    seconds: float = 0.0  #: how long the agent took
    intended: bool = False  #: the first part goes out at once
    notice: str | None = None
    problem: Json | None = None  #: why it is not the agent's own answer
    caught_up: bool = False
    details_missing: bool = False  #: ElevenLabs is asked about the call again
    event_id: str | None = None
    request_id: str | None = None
    operator: str | None = None
    replay: str | None = None
    repeats: str | None = None
    came_back_of: int | None = None
    trace: str | None = None
    full_length: int | None = None  #: characters of the agent's text before it was cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Something is put off."""

    #: turn: it does not begin; lookup: of an unknown send
    what: Literal["turn", "ask", "send", "lookup", "details"]
    wait: Wait
    own_id: str | None = None
    to: str | None = None  #: where it goes then: the person has moved since it was planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A first message that waited for its time goes out now. `paced`: its campaign gave it this moment."""

    turn_id: int
    paced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFailed:
    """A turn was refused for good."""

    turn_id: int
    what: Literal["first", "reply"]
    reason: str
    error: Json  #: status, error, details as the backend gets them
    code: str | None = None
    send_state: Literal["refused", "held"] = "refused"  #: held: left to an operator
    own_ids: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    turn: Turn | None = None  #: as it would go on; None in logs of former builds that did not keep it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """A turn that had failed goes on.

    `identity`: remembered like an event's id, so that a replay goes on with this failure only once.
    """

    turn: Turn
    replay: str
    identity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A replay has an input done again. `identity`: of this repetition, remembered like an event's id."""

    identity: str
    replay: str
    waiting: Waiting
