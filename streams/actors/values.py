"""What goes through the mailboxes: an actor's state, what it is told, what it writes, what it wants done."""

from dataclasses import dataclass, field
from typing import Any

from rules.effects import AskAgent, AwaitSlot, Effect, FetchDetails, LookUpSend, ReserveCampaignSlot
from rules.events import Recorded
from rules.inputs import Input
from rules.known_sends import KnownSends
from rules.state import Conversation
from schemas.rows import Change

_CANCELLABLE = (AskAgent, AwaitSlot, FetchDetails, LookUpSend, ReserveCampaignSlot)
"""Effects that change nothing outside that would have to be found out about."""


_WAITS = (AwaitSlot, FetchDetails, LookUpSend, ReserveCampaignSlot)
"""Of those, the ones for which a drain does not wait: whoever is asked has been asked, and hears the client out."""


EventId = tuple[str, str]
"""Kind and id, as the table of events that were taken up has them."""


@dataclass(slots=True)
class Stored:
    """What the store has of an actor that is in memory. `version`: of its row, 0: there is none."""

    version: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """A conversation in memory. `stored` is one object for as long as the actor stays loaded; `sends`: as they are, though
    their table may not show it yet; `taken`: the events that were taken up and whose ids may not be written yet, with the
    version that the store had by then.
    """

    state: Conversation
    stored: Stored = field(compare=False)
    sends: KnownSends = field(default_factory=dict, compare=False)
    taken: dict[EventId, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An input on its way to its actor.

    `event`: kind and id of the event that brought it, None for what is ours and for reports; `origin`: the record, for
    a dead letter; `since`: when it was handed over, seconds of the loop; `failure`: what reading it came to, `given` is
    then what its number is told instead.
    """

    given: Input
    event: EventId | None = None
    origin: Any = field(default=None, compare=False)
    since: float = field(default=0.0, compare=False)
    failure: Exception | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What one input came to: events with the states they left, and what they change in the tables. `before`: the state
    that it met.
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
        """Whether the next owner loses nothing by beginning it anew."""
        return isinstance(self.effect, _WAITS)
