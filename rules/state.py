"""The state of a conversation: what deciding about its next input needs, and no more. All values are frozen.

It is a small row, not the past: messages, earlier calls and sends that are done live in tables of their own,
and what an input needs of them comes with it. Times are aware, UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from rules.person import Letter, Link, OptOut
from rules.turns import CameBack, Turn, Wait, Waiting
from schemas.events import UNCONNECTED
from schemas.rows import Json

if TYPE_CHECKING:
    from dataclasses import replace as replace
else:

    def replace(value: Any, /, **changes: Any) -> Any:  # noqa: ANN401 - checkers take the other one
        """Return a value with some fields changed, as `dataclasses.replace` does, at a fifth of its cost.

        An event changes a few of the state's fifty fields, several times; having the constructor
        set each of them anew took a tenth of the worker's time. It is for the values of which a state
        is made, here and in `rules.turns` and `rules.person`, which therefore have no slots.
        """
        changed = object.__new__(type(value))
        object.__setattr__(changed, "__dict__", {**value.__dict__, **changes})
        return changed


def newest_of(*times: datetime | None) -> datetime | None:
    """Return the latest of these times; None if there is none."""
    return max(filter(None, times), default=None)


Status = Literal["active", "escalated", "closed"]


@dataclass(frozen=True, kw_only=True)
class Post:
    """An event of ours that the backend has not taken yet. `number`: the event's."""

    number: int
    made_at: datetime
    tries: int = 0
    due: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Lead:
    """A campaign's recipient who got a first message, before another one's call began with this number."""

    batch_id: str
    recipient_id: str
    call_status: str
    first_sid: str


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
    leads: tuple[Lead, ...] = ()  #: of earlier calls, the newest last
    address: str = ""
    status: Status = "active"
    started_at: datetime | None = None
    last_message_at: datetime | None = None
    last_inbound_at: datetime | None = None
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    taken_over_at: datetime | None = None  #: when an operator last escalated or closed it
    resumed_at: datetime | None = None  #: when it was last given back to the agent
    message_count: int = 0
    said_turn: int = 0  #: the newest turn that the client got something of, or that a call began
    apologised_turn: int = 0  #: the same of apologies, which `said_turn` leaves out
    #: the agent has not been told what was said since, because a person stood in
    said_meanwhile_since: datetime | None = None
    agent_changed: bool = False
    has_details: bool = False
    reports_come: bool = False  #: the vendor tells when our messages have left it
    last_words: LastWords | None = None  #: a repetition of these shares their answer; None: none to share
    opt_out: OptOut | None = None
    #: when the person last said START: a STOP from another address may be older
    opted_in_at: datetime | None = None
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
    merging_for: int | None = None  #: the conversation there that asked for it
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
