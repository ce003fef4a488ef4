"""What goes through the mailboxes: an actor's state, what it is told, what it writes, what it wants done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rules.effects import AskAgent, AwaitSlot, Effect, FetchDetails, LookUpSend, ReserveCampaignSlot
from rules.events import Recorded
from rules.inputs import Input, MessageReceived
from rules.known_sends import KnownSends
from rules.state import Conversation
from schemas.rows import Change

_CANCELLABLE = (AskAgent, AwaitSlot, FetchDetails, LookUpSend, ReserveCampaignSlot)
"""Effects that change nothing outside that we would have to find out about."""


_WAITS = (AwaitSlot, FetchDetails, LookUpSend, ReserveCampaignSlot)
"""Those a drain does not wait for. `AskAgent` is none: the agent has been asked, and hears the client out."""


AddressesOf = Callable[[str], frozenset[str]]
"""Returns the keys of all addresses that a key's person is known to have."""


def only_its_own(key: str) -> frozenset[str]:
    """Return what stands for a person's addresses where others cannot be known."""
    return frozenset({key})


EventId = tuple[str, str]
"""Kind and id, as in the table of events that were taken up."""


@dataclass(slots=True)
class Stored:
    """What the store has of an actor that is in memory. `version`: of its row; 0 if there is none."""

    version: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """A conversation in memory."""

    state: Conversation
    #: One object for as long as the actor stays loaded.
    stored: Stored = field(compare=False)
    #: As they are, though their table may not show it yet.
    sends: KnownSends = field(default_factory=dict, compare=False)
    #: Events taken up whose ids may not be written yet, with the version that the store had then.
    taken: dict[EventId, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An input on its way to its actor."""

    given: Input
    #: Kind and id of the event that brought it; None for what is ours, and for reports.
    event: EventId | None = None
    #: The record, for a dead letter.
    origin: Any = field(default=None, compare=False)
    #: When it was handed over, in seconds of the event loop.
    since: float = field(default=0.0, compare=False)
    #: What reading it came to; `given` is then what its number is told instead.
    failure: Exception | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What one input came to: events with the states they left, and their changes to the tables.

    `before`: the state that it met.
    """

    given: Input
    before: Conversation
    stored: Stored
    events: tuple[tuple[Recorded, Conversation], ...]
    changes: tuple[Change, ...]
    state: Conversation


@dataclass(frozen=True, slots=True)
class Job:
    """An effect as the mailbox runs it."""

    effect: Effect

    @property
    def id(self) -> str:
        return self.effect.id

    @property
    def cancellable(self) -> bool:
        return isinstance(self.effect, _CANCELLABLE)

    @property
    def only_waits(self) -> bool:
        """Whether the next owner loses nothing by starting it again."""
        return isinstance(self.effect, _WAITS)


def is_urgent(told: Told) -> bool:
    """Return whether an input is let in past all bounds: a STOP is, and so is what an operator wants."""
    given = told.given
    is_ours = told.event is not None and told.event[0] == "command"
    return is_ours or (isinstance(given, MessageReceived) and given.intent is not None)
