"""The state of a conversation: what deciding about its next input needs, and no more. All values are frozen.

It is a small row, not the past: messages, earlier calls and sends that are done live in tables of their own,
and what an input needs of them comes with the input. Times are aware, UTC.
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

        An event changes a few of the state's fifty fields, several times; to have each set anew by the constructor was a
        tenth of the worker's time. It is for the values of this file, which therefore have no slots.
        """
        changed = object.__new__(type(value))
        object.__setattr__(changed, "__dict__", {**value.__dict__, **changes})
        return changed


Status = Literal["active", "escalated", "closed"]
TurnKind = Literal["call", "reply", "again", "write"]
WaitReason = Literal["campaign_pace", "quiet_hours", "backoff", "slow_number", "sender_limit", "order"]
PartState = Literal["planned", "intended", "unknown", "accepted"]
IN_FLIGHT: Final[frozenset[PartState]] = frozenset({"intended", "unknown"})
"""The vendor may have, or get, such a message at any moment."""
SPARED: Final[frozenset[WaitReason]] = frozenset({"campaign_pace", "quiet_hours"})
"""Why a first message waits although it could go: a client who writes ends it."""
APOLOGY: Final = "apology"
"""The short text of our own that stands for an answer which cannot be given, or not sent."""
ENDED_BY_CLIENT: Final = SPARED | {"sender_limit"}
"""The same, and what WhatsApp allows as soon as the client writes: there is no limit of answers."""


@dataclass(frozen=True, kw_only=True)
class OptOut:
    """The person asked for no more messages. `event_id`: the message, or the vendor's code, that caused it."""

    source: Literal["client", "twilio", "operator"]
    event_id: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """An input that is stored and has not had its turn.

    `kind`: a client's message, an ended call, an operator's text, one of our own short texts, or a turn that failed and
    is to go on; `text`: what the agent is asked (messages), the name of the short text (notices), the kind of the event
    that failed (replays); `message_id`: of the message's row in
    `conversation_messages`; `payload`: the call's or the command's body, metadata of a parked message's row;
    `intent`: what a parked message commands; `address`: where it came from, `via`: key of the other address of theirs that
    it was handed over by; `replay`: which replay, or
    `dead-letter`, brought it; `trace`: its `traceparent`.
    """

    kind: Literal["message", "call", "write", "notice", "replay"]
    event_id: str
    at: datetime
    text: str = ""
    message_id: int | None = None
    payload: Json | None = None
    intent: str | None = None
    address: str = ""
    via: str | None = None
    request_id: str | None = None
    replay: str | None = None
    trace: str | None = None


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Nothing of this goes on before `until`.

    `tries`: how often it was tried by then; `away`: how many of these cost nothing, because the vendor was away
    for everybody; `since`: when the first of the others failed.
    """

    reason: WaitReason
    until: datetime
    tries: int = 0
    away: int = 0
    since: datetime | None = None
    code: str | None = None
    why: str | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """One outgoing message.

    `own_id`: UUID of ours, in the callback's URL; `content`: the template that is sent instead of the body;
    `tries`: how often the vendor was about to be asked, `intended_at`: when last; `wait`: why it is not tried
    now; `holds`: how often it was put off, for the backoff; `lives_until`: when an attempt of unknown outcome is
    over at the latest, `looked`: how often it was looked up; `said_at`: when it was said first, `times`: how
    often it came back since, `origin_turn` and `origin_part`: the turn and the place in which that was, None:
    these; `notice`: which of our own short texts it is.
    """

    own_id: str
    to: str
    body: str
    content: Json | None = None
    state: PartState = "planned"
    tries: int = 0
    intended_at: datetime | None = None
    wait: Wait | None = None
    holds: int = 0
    lives_until: datetime | None = None
    looked: int = 0
    said_at: datetime | None = None
    times: int = 0
    origin_turn: int | None = None
    origin_part: int | None = None
    notice: str | None = None


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A call's first message, an answer, an operator's text, or something that is said once more.

    `answers`: ids of the client's messages that it answers, in their order; `event_id`: of the call or
    command; `asked_at`: when the first of what it answers came; `reply`: what the agent gave, raw, in how many
    `seconds`; `parts`: empty while a call's first message is not made; `wait`: why that is not made now, `holds`:
    how often it was put off; `paced`: its campaign has given it a slot; `operator`: who wrote it; `repeats`: kind of
    the turn that said it first.
    """

    id: int
    kind: TurnKind
    began_at: datetime
    answers: tuple[str, ...] = ()
    asked_at: datetime | None = None
    event_id: str | None = None
    request_id: str | None = None
    reply: Json | None = None
    seconds: float = 0.0
    parts: tuple[Part, ...] = ()
    wait: Wait | None = None
    holds: int = 0
    paced: bool = False
    operator: str | None = None
    replay: str | None = None
    repeats: str | None = None
    trace: str | None = None

    @property
    def next_part(self) -> Part | None:
        """The first part that is not known to be with the vendor."""
        return next((part for part in self.parts if part.state != "accepted"), None)

    @property
    def is_in_flight(self) -> bool:
        """Whether the vendor may have, or get, one of its messages right now."""
        return any(part.state in IN_FLIGHT for part in self.parts)

    @property
    def is_first(self) -> bool:
        """Whether it is a call's first message, or that once more."""
        return "call" in (self.kind, self.repeats)

    @property
    def origin(self) -> int:
        """The turn that said it first."""
        return next((part.origin_turn for part in self.parts if part.origin_turn is not None), self.id)


@dataclass(frozen=True, kw_only=True)
class CameBack:
    """Parts of one turn that the vendor accepted and could not deliver; they go out once more, in their
    order.

    `turn_id`, `kind`: of the turn that said them first, `since`: when that was; `times`: how often they were
    repeated; `as_template`: they fell outside the 24-hour window.
    """

    turn_id: int
    kind: str
    parts: tuple[Part, ...]
    since: datetime
    due: datetime
    times: int = 0
    as_template: bool = False


@dataclass(frozen=True, kw_only=True)
class Post:
    """An event of ours that the backend has not taken yet. `number`: the event's."""

    number: int
    made_at: datetime
    tries: int = 0
    due: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class EarlyReport:
    """A delivery report that says only the vendor's id, of a message whose acceptance we have not heard of.

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
    """The client's newest message. `words`: a checksum of them."""

    event_id: str
    at: datetime
    words: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """Another address of the same person, by its key. `at`: when a message told of it.

    `state`: asked (its actor is to hand over what it has), joined (it has), late (it has not in time, and may do so yet),
    refused (the address is another number's). `moved`: the person has left the address before for this one.
    """

    key: str
    at: datetime
    state: Literal["asked", "joined", "late", "refused"] = "asked"
    moved: bool = False


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What an address, the claimant, has to show for another one being the same person's.

    `about`: the key that its message named, `is_parent`: as the id that a person keeps with a new number; `user_ids`: the
    other ids of that message; `called_at`: the claimant's newest call, `conversation_id`: of its conversation; `granted`:
    it answers such a claim, whose claimant is to merge into whoever grants it; `heir_of`: key of the address that led here
    before, and has merged into the claimant itself.
    """

    about: str
    is_parent: bool = False
    user_ids: tuple[str, ...] = ()
    called_at: datetime | None = None
    conversation_id: int | None = None
    granted: bool = False
    heir_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What one actor tells another: a `conversation-command` that is to be published. `mark`: of the replay that brought
    what is passed on.
    """

    id: str
    command: Json
    mark: str | None = None


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """What an address gives to the number that it belongs to, once: the open work, the opt-out, the window.

    `conversation_id`: where its history stays; `more`: another piece follows; `refused`: nothing, it is another number's;
    `about`: the address that is refused, None: the one that says so; `links`: addresses that led there; `address`: where
    the client was written to. Messages of a conversation that has begun have their rows there, others none yet.
    """

    conversation_id: int | None = None
    inbox: tuple[Waiting, ...] = ()
    opt_out: OptOut | None = None
    last_inbound_at: datetime | None = None
    has_begun: bool = False
    client_name: str | None = None
    agent_id: str = ""
    escalated: bool = False
    more: bool = False
    refused: bool = False
    about: str | None = None
    links: tuple[str, ...] = ()
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One person's conversation. `key`: the canonical number, or an id where none is known.

    `id`: the row's id in `conversation_state`, None before its first event; `has_begun`: there is such a row;
    `number`: of its newest event; `language`: of our own words, None: the usual one; `summary`: of the call, as long
    as a template's value may be; `first_sid`: the vendor's id of the first message after the call; `said_turn`: the
    newest turn of which the client has got something, or which a call began; `said_meanwhile_since`: what was said from
    then on the agent has not been told, because a person stood in; `inbox`: what waits for its turn, in order, parked
    messages of an unknown number included; `parked_since`: when the first of these came; `ask_wait`: why the
    agent is not asked now; `behind`: turns whose rest waits until `turn` is over, the last one goes first;
    `reports_come`: the vendor tells when our messages have left it; `last_words`: what is said once more shares its
    answer, None: that has none to share;
    `lookups`: tries at the call's details, None: nothing is missing; `position`: of the newest command;
    `commands`: who had the newest commands done, by position; `taken_over_at`: when an operator last escalated or
    closed it;
    `links`: the person's other addresses; `merging_into`: the one, a number where any is known, that this was found to
    belong to, `merged_into`: that
    has everything by now, and gets whatever comes; `outbox`: what other actors are to be told, in its order; `erasing`: the
    command by which it is erased, once these know of it.
    """

    key: str
    id: int | None = None
    has_begun: bool = False
    number: int = 0
    client_name: str | None = None
    agent_name: str | None = None
    group_name: str = ""
    language: str | None = None
    summary: str | None = None
    call_duration_secs: int | None = None
    agent_id: str = ""
    elevenlabs_conversation_id: str = ""
    call_status: str | None = None
    batch_id: str | None = None
    recipient_id: str | None = None
    first_sid: str | None = None
    address: str = ""
    status: Status = "active"
    started_at: datetime | None = None
    last_message_at: datetime | None = None
    last_inbound_at: datetime | None = None
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    taken_over_at: datetime | None = None
    message_count: int = 0
    said_turn: int = 0
    said_meanwhile_since: datetime | None = None
    agent_changed: bool = False
    has_details: bool = False
    reports_come: bool = False
    last_words: LastWords | None = None
    opt_out: OptOut | None = None
    inbox: tuple[Waiting, ...] = ()
    parked_since: datetime | None = None
    ask_wait: Wait | None = None
    turn: Turn | None = None
    behind: tuple[Turn, ...] = ()
    came_back: tuple[CameBack, ...] = ()
    lookups: Wait | None = None
    posts: tuple[Post, ...] = ()
    early_reports: tuple[EarlyReport, ...] = ()
    position: int = 0
    commands: tuple[tuple[int, str], ...] = ()
    links: tuple[Link, ...] = ()
    merging_into: str | None = None
    merged_into: str | None = None
    outbox: tuple[Letter, ...] = ()
    erasing: Json | None = None
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
        """Id of the call at ElevenLabs, empty where there was none: an unknown number, a call that never connected."""
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
