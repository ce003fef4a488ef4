"""What can happen in a conversation: one frozen class per type. Its JSON is a `conversation-event`'s `data`.

Version 3. Fields are added, never renamed; `rules/earlier_versions.py` turns what former builds wrote into
these. They hold everything that `evolve` and `project` need: what an event does not say is lost with the
database. Times are aware, UTC.
"""

from dataclasses import dataclass
from datetime import datetime

from rules.events.addresses import (
    Erased,
    ErasureBegun,
    Forwarded,
    LetterSent,
    Linked,
    LinkSettled,
    Merged,
    Merging,
    TookOver,
)
from rules.events.conversation import (
    AgentChanged,
    Commanded,
    Declined,
    DetailsLearned,
    Expired,
    LookupsEnded,
    OptedIn,
    OptedOut,
    PostDeferred,
    Posted,
    Snapshot,
    Started,
    StatusChanged,
)
from rules.events.sends import (
    Delivered,
    DeliveryFailed,
    Intended,
    OutcomeUnknown,
    ReportedEarly,
    Sent,
    Withdrawn,
)
from rules.events.turns import (
    Answered,
    Deferred,
    Queued,
    Received,
    Released,
    Reopened,
    Repeated,
    TurnFailed,
    Unanswered,
)

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
    """An event in its place: `number` counts from 1 within its conversation, without gaps."""

    conversation_id: int
    number: int
    at: datetime
    event: Event


__all__ = [
    "AgentChanged",
    "Answered",
    "Commanded",
    "Declined",
    "Deferred",
    "Delivered",
    "DeliveryFailed",
    "DetailsLearned",
    "Erased",
    "ErasureBegun",
    "Event",
    "Expired",
    "Forwarded",
    "Intended",
    "LetterSent",
    "LinkSettled",
    "Linked",
    "LookupsEnded",
    "Merged",
    "Merging",
    "OptedIn",
    "OptedOut",
    "OutcomeUnknown",
    "PostDeferred",
    "Posted",
    "Queued",
    "Received",
    "Recorded",
    "Released",
    "Reopened",
    "Repeated",
    "ReportedEarly",
    "Sent",
    "Snapshot",
    "Started",
    "StatusChanged",
    "TookOver",
    "TurnFailed",
    "Unanswered",
    "Withdrawn",
]
