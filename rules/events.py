"""What can happen in a conversation: one frozen value a type. Its JSON is the `data` of a
`conversation-event`.

Version 3. Fields are added, never renamed; `rules/earlier_versions.py` turns what former builds wrote into
these. Everything that `evolve` and `project` need is in here: what an event does not say is lost with the
database. Times are aware, UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from rules.state import CameBack, Conversation, HandOver, Letter, OptOut, Part, Turn, Wait, Waiting
from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A conversation begins, or begins anew in the same row.

    `call`: the body of `call-completed`, None where nobody was called; `event_id`: the id under which the call
    waited, where that is another than its own; `former`: the call before, to be archived.
    """

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
    recipient_id: str | None = None
    status: str | None = None
    turn_id: int | None = None
    request_id: str | None = None
    received_at: datetime | None = None
    event_id: str | None = None
    call: Json | None = None
    former: Json | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A call begins no conversation, or what an operator wrote is not sent after all.

    `reason`: opted_out, skipped (the call's status), repeated (a lead's later attempt), superseded (replayed,
    and a later call has come), refused (a text that cannot be written any more).
    """

    event_id: str
    reason: Literal["opted_out", "skipped", "repeated", "superseded", "refused"]
    outcome: Json
    kind: Literal["call", "write"] = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A call, an operator's text or one of our own short texts waits for its turn."""

    waiting: Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A client wrote.

    `asks`: it waits for an answer; `same_as`: id of the message that said the same before, whose answer it shares;
    `parked`: its number has no conversation yet, `intent`: what it will command then; `late`: a newer one was taken up
    before; `params`: the vendor's, raw, of a message with files; `full_length`: characters of `content` before it was cut;
    `via`: key of the other address of theirs from which it came, `handed_over`: before that was known.
    """

    message_sid: str
    content: str
    received_at: datetime
    message_id: int
    address: str
    via: str | None = None
    handed_over: bool = False
    asks: bool = True
    same_as: str | None = None
    parked: bool = False
    request_id: str | None = None
    trace: str | None = None
    backfilled: bool = False
    replay: str | None = None
    late: bool = False
    intent: str | None = None
    params: Json | None = None
    full_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Messages that will not be answered.

    `reason`: opted_out, escalated, closed, unknown_number, command (they were for us, not for the agent), dead_letter;
    of these, which were never received, `identity` is remembered: they came at `came_at` from `address`.
    """

    message_sids: tuple[str, ...]
    reason: str
    identity: str | None = None
    came_at: datetime | None = None
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What is said in a turn is known: its messages are planned.

    `kind`: of the turn; `text`: before it was split; `answers`: the question's messages; `intended`: the
    first part goes out at once; `seconds`: the agent took; `problem`: why it is not the agent's own answer;
    `details_missing`: ElevenLabs is asked about the call again; `full_length`: characters of the agent's text before
    it was cut.
    """

    turn_id: int
    kind: str
    text: str
    parts: tuple[Part, ...]
    answers: tuple[str, ...] = ()
    asked_at: datetime | None = None
    reply: Json | None = None
    seconds: float = 0.0
    intended: bool = False
    notice: str | None = None
    problem: Json | None = None
    caught_up: bool = False
    details_missing: bool = False
    event_id: str | None = None
    request_id: str | None = None
    operator: str | None = None
    replay: str | None = None
    repeats: str | None = None
    came_back_of: int | None = None
    trace: str | None = None
    full_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Something is put off. `what`: turn (it does not begin), ask, send, lookup (of an unknown send),
    details.
    """

    what: Literal["turn", "ask", "send", "lookup", "details"]
    wait: Wait
    own_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A first message that waited for its time goes out now. `paced`: its campaign gave it this moment."""

    turn_id: int
    paced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """The vendor is about to be asked. `content`: the template as which it goes from now on."""

    own_id: str
    content: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknown:
    """Nobody knows whether the vendor took a message; it is looked up.

    `lives_until`: the latest moment, by our clock, at which the attempt can have its effect; None: not known.
    """

    own_id: str
    why: str
    lives_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Messages that were planned are not sent any more. `reason`: opted_out, escalated, closed, no_template."""

    own_ids: tuple[str, ...]
    reason: str
    turn_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The vendor accepted a message.

    `is_last`: its turn is done; `marks`: more of the message's metadata; `proven`: its turn, which had been left
    to an operator and is not the one under way.
    """

    own_id: str
    sid: str
    content: str
    kind: str
    turn_id: int
    part: int
    message_id: int
    is_last: bool
    sent_at: datetime
    answers: tuple[str, ...] = ()
    response_seconds: float | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    status: str | None = None
    marks: Json = field(default_factory=dict)
    request_id: str | None = None
    proven: Turn | None = None


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
    """A report says that a message did not arrive. `came_back`: it goes out once more."""

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
class TurnFailed:
    """A turn was refused for good. `error`: status, error, details as the backend gets them; `send_state`:
    refused or held (left to an operator); `turn`: as it goes on where somebody wants that, None in logs of former
    builds that did not keep it.
    """

    turn_id: int
    what: Literal["first", "reply"]
    reason: str
    error: Json
    code: str | None = None
    send_state: Literal["refused", "held"] = "refused"
    own_ids: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    turn: Turn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedEarly:
    """A report that says only the vendor's id came while an acceptance is awaited."""

    sid: str
    status: str
    rank: int
    at: datetime
    failure: str | None = None
    code: str | None = None
    reason: str | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    """Who speaks changes: the agent (active), a person (escalated), nobody (closed).

    `by`: client, agent, operator, silence, time, vendor; `tells_backend`: by a signed POST, until it has taken it.
    """

    status: Literal["active", "escalated", "closed"]
    by: str
    operator: str | None = None
    command_id: str | None = None
    reason: str | None = None
    message_sid: str | None = None
    turn_id: int | None = None
    tells_backend: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOut:
    """The person wants no messages of ours. `replied`: the vendor has confirmed it."""

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
    """An operator's command was taken up. `outcome`: None while what it writes is under way."""

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
    """The call's details did not come; they are not asked for any more."""

    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """A replay goes on with a turn that had failed. `identity`: remembered like an event's id, so that this failure is
    gone on with once.
    """

    turn: Turn
    replay: str
    identity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A replay has an input done once more. `identity`: of this repetition, remembered like an event's id."""

    identity: str
    replay: str
    waiting: Waiting


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
    """Messages were kept for as long as they are to be; their rows are gone."""

    message_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that the events before come to, so that they can be removed from the log."""

    state: Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A message told of another address of the person: its actor is asked for what it has. `key`: of that address.

    `is_parent`: as the id that a person keeps with a new number; `command_id`: it was another address' actor that told,
    whose person has `moved` to there.
    """

    key: str
    message_sid: str
    letter: Letter
    is_parent: bool = False
    moved: bool = False
    command_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettled:
    """A link comes to nothing, not in time, or was one before. `key`: of the other one.

    `reason`: refused (two numbers were told of one address, so an operator has to look), late, joined; `known`: the number
    that the address belongs to; `command_id`: of what told so; `letters`: the answer.
    """

    key: str
    reason: Literal["refused", "late", "joined"]
    known: str | None = None
    command_id: str | None = None
    letters: tuple[Letter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Merging:
    """This address belongs to a number: nothing new begins, and what is under way ends. `about`: what showed it."""

    number: str
    command_id: str
    about: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """All that is open was handed over to the number; whatever comes from now on goes there."""

    number: str
    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """What came for this address, or what was learned of it, goes to its number."""

    letter: Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class TookOver:
    """What another address of the person had is here. `key`: of that address."""

    key: str
    command_id: str
    hand_over: HandOver


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterSent:
    """Kafka has what another actor is told."""

    letter_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureBegun:
    """The person's other addresses are told to forget as well; then this one does. `command`: its body."""

    command: Json
    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """Everything before is forgotten. `changed`: there was something."""

    command_id: str | None = None
    changed: bool = True


Event = (
    Started
    | Declined
    | Queued
    | Received
    | Unanswered
    | Answered
    | Deferred
    | Released
    | Intended
    | OutcomeUnknown
    | Withdrawn
    | Sent
    | Delivered
    | DeliveryFailed
    | TurnFailed
    | ReportedEarly
    | StatusChanged
    | OptedOut
    | OptedIn
    | AgentChanged
    | Commanded
    | DetailsLearned
    | LookupsEnded
    | Reopened
    | Repeated
    | Posted
    | PostDeferred
    | Expired
    | Snapshot
    | Linked
    | LinkSettled
    | Merging
    | Merged
    | Forwarded
    | TookOver
    | LetterSent
    | ErasureBegun
    | Erased
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event in its place: `number` counts from 1 without gaps in its conversation."""

    conversation_id: int
    number: int
    at: datetime
    event: Event
