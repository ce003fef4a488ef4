"""What is known of a person: their opt-out, their other addresses, and what one of these gives to another."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rules.turns import Waiting
from schemas.rows import Json


@dataclass(frozen=True, kw_only=True)
class OptOut:
    """The person asked for no more messages. `event_id`: the message or vendor's code that caused it."""

    source: Literal["client", "twilio", "operator"]
    event_id: str
    since: datetime


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
    opted_in_at: datetime | None = None  #: when the person last said START there
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
    #: the conversation there that asked for it; after an erasure another one may have begun
    wanted_by: int | None = None
