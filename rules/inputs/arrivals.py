"""What comes to a conversation from outside: calls, messages, commands, other addresses' letters."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rules.keywords import Intent
from rules.person import Claim, HandOver
from rules.turns import Turn, Waiting
from schemas.commands import ConversationCommand
from schemas.events import CallCompleted, InboundMessage
from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """A call ended.

    `followed_up`: the vendor's id of the first message after an earlier attempt at the same lead (batch and
    recipient) that did not connect either, from the sends of any conversation. What neither this nor `former`
    knows yet, because it waits or is under way, the state knows.
    """

    call: CallCompleted
    received_at: datetime
    #: the call in the conversation's row when this one comes, for `metadata.calls`
    former: Json | None = None
    followed_up: str | None = None
    request_id: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """A client wrote."""

    event_id: str
    address: str
    text: str  #: in words
    received_at: datetime
    intent: Intent | None = None
    is_reply: bool = False  #: it quotes a message
    quoted: str | None = None  #: that message's text, if it is one of this conversation
    backfilled: bool = False
    replay: str | None = None
    request_id: str | None = None
    trace: str | None = None
    params: Json | None = None  #: raw, kept if the message has files
    linked: tuple[str, ...] = ()  #: keys of the client's other addresses, by the vendor's word
    parent: str | None = None  #: which of these they keep with a new number
    via: str | None = None  #: key of the other address that it came from
    message: InboundMessage | None = None  #: as it came, for passing it on
    mark: str | None = None  #: of the replay that brings it, for passing it on


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBuried:
    """A client's message could not be taken up and is a dead letter. `via`: see `MessageReceived`."""

    event_id: str
    received_at: datetime
    address: str
    via: str | None = None
    request_id: str | None = None
    trace: str | None = None

    @property
    def identity(self) -> str:
        """What this is remembered by: under its own id the message may be retried."""
        return f"dead-letter:{self.event_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven:
    """An operator's command.

    Calls that were published before it have been taken up, so a number without a
    conversation certainly has none.
    """

    command: ConversationCommand
    received_at: datetime
    request_id: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayWanted:
    """A replay asks for more than a redelivery does.

    `wants`: with `failed`, the input's turn goes on where it failed. `turn` is how it stands now, with
    refused parts planned and held ones unknown; None if it failed before anything was said (a call that began
    nothing). With `again`, the input is done once more.
    """

    replay: str
    wants: Literal["failed", "again"]
    waiting: Waiting  #: the input as it first came
    identity: str  #: what a repetition is remembered by, once per replay
    turn: Turn | None = None
    superseded: bool = False  #: something later reached the client, or a later call began
    burnt: bool = False  #: the vendor accepted it and a report said that it failed: it is said again
    message: InboundMessage | None = None  #: see `MessageReceived`
    mark: str | None = None  #: see `MessageReceived`


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTold:
    """A message showed that this address is the same person's as another one."""

    number: str  #: the other one's key; an id if no number is known
    command_id: str
    claim: Claim
    command: ConversationCommand  #: as it came, for passing it on


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What another address of the person had. `key`: of that address."""

    key: str
    command_id: str
    over: HandOver
