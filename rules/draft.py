"""Where a decision is worked out: the state and the events so far. Lives as long as one `decide`."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from rules.events import Event, Recorded
from rules.evolve import evolve
from rules.policy import Policy, Spoken
from rules.state import Conversation
from rules.turns import Part
from schemas.rows import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What a decision takes from outside besides the time: ids reserved in advance, and chance.

    `jitter`: 0 to 1, so that numbers that were put off together do not come back together.
    """

    conversation_id: Callable[[], int]
    message_id: Callable[[], int]
    turn_id: Callable[[], int]
    own_id: Callable[[], str]
    jitter: Callable[[], float] = random.random


@dataclass(slots=True)
class Draft:
    """A decision in the making."""

    state: Conversation  #: after the events emitted so far
    now: datetime
    policy: Policy
    fresh: Fresh
    #: these events, each with the state after it
    steps: list[tuple[Recorded, Conversation]] = field(default_factory=list)

    @property
    def spoken(self) -> Spoken:
        """Our own words, in the client's language."""
        return self.policy.languages.get(self.state.language or "", self.policy.spoken)

    def emit(self, event: Event) -> None:
        """Record an event, and apply it to the state."""
        identity = self.state.id or self.fresh.conversation_id()
        number = 1 if self.state.erased else self.state.number + 1
        recorded = Recorded(conversation_id=identity, number=number, at=self.now, event=event)
        self.state = evolve(self.state, recorded)
        self.steps.append((recorded, self.state))

    def part(self, body: str, content: Json | None = None) -> Part:
        """Return a message to the client that is not sent yet."""
        own_id, to = self.fresh.own_id(), self.state.address or f"whatsapp:{self.state.key}"
        return Part(own_id=own_id, to=to, body=body, content=content, said_at=self.now)
