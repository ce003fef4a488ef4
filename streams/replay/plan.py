"""What would happen to each event of a window, decided from what the journal says of it. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from schemas.replay_mark import Wants

Mode = Literal["resume", "again"]
Only = Literal["failed"] | None
Standing = Literal["parked", "unanswered", "begun", "answered", "done", "failed"]
Outcome = Literal[
    "new",  # never taken up: it will be
    "unfinished",  # taken up, parked or under way: it goes on
    "failed",  # its turn failed: it goes on where it failed
    "again",  # done, and asked for by name: the agent is asked and the client written to again
    "done",  # nothing happens
    "repeated",  # this very replay has already had it done again
    "superseded",  # failed, but something later was answered: left alone, so no answer comes out of order
    "unanswered",  # of an unknown number, whose grace is over: left alone
    "suppressed",  # the number asked for no more messages
    "erased",  # the number was erased
    "unreadable",  # it is a dead letter, or of a version that this build cannot read
    "left out",  # not of the number, the campaign or the state that was asked for
]
PUBLISHED: frozenset[Outcome] = frozenset({"new", "unfinished", "failed", "again"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the database says of one event."""

    #: The key at which it was done, if that is another address than its own.
    person: str | None = None
    #: None if the journal never saw it.
    state: Standing | None = None
    superseded: bool = False
    suppressed: bool = False
    erased: bool = False
    repeated: bool = False
    wanted: bool = True


def decide(mode: Mode, only: Only, facts: Facts) -> Outcome:
    """Return what happens to an event."""
    if not facts.wanted:
        return "left out"
    if facts.erased:
        return "erased"
    if only == "failed" and facts.state != "failed":
        return "left out"
    return _again(facts) if mode == "again" else _resumed(facts)


def _resumed(facts: Facts) -> Outcome:
    if facts.state is None:
        return "new"
    if facts.state in ("done", "unanswered"):
        return "done" if facts.state == "done" else "unanswered"
    if facts.state != "failed":
        return "unfinished"
    if facts.suppressed:
        return "suppressed"
    return "superseded" if facts.superseded else "failed"


def _again(facts: Facts) -> Outcome:
    if facts.repeated:
        return "repeated"
    if facts.suppressed:
        return "suppressed"
    if facts.state in ("done", "failed"):
        return "again"
    return "new" if facts.state is None else "unfinished"


def wants(outcome: Outcome) -> Wants:
    """Return what the worker is asked to do."""
    if outcome == "failed":
        return "failed"
    return "again" if outcome == "again" else "open"


@dataclass(slots=True)
class Plan:
    """Counts of events by outcome, and the clients that may be written to."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    clients: set[str] = field(default_factory=set)

    def add(self, outcome: Outcome, key: str) -> None:
        self.outcomes[outcome] += 1
        if outcome in PUBLISHED:
            self.clients.add(key)

    @property
    def published(self) -> int:
        """Return how many events are published again."""
        return sum(self.outcomes[outcome] for outcome in PUBLISHED)
