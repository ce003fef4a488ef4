"""What can come to a conversation: from topics, timers and our own effects. Frozen values, times aware, UTC.

An input carries whatever deciding needs beyond the state: a report its send, a message the text that it
quotes. It is read behind the conversation's own writes, so that it is not older than the state. Whether its
id has been seen before is known to the store (`SeenRow`, written when an input is taken up, so also while it
waits) and settled before anything is decided.
"""

from rules.inputs.arrivals import (
    CallEnded,
    CommandGiven,
    HandedOver,
    LinkTold,
    MessageBuried,
    MessageReceived,
    ReplayWanted,
)
from rules.inputs.results import (
    AgentAnswered,
    AgentFailed,
    BackendAnswered,
    CallDetails,
    CampaignSlot,
    DetailsFetched,
    DetailsTold,
    LetterPublished,
    LogPurged,
    MessagesExpired,
    Recovered,
    SlotTaken,
    TimerFired,
)
from rules.inputs.sends import (
    DeliveryReported,
    Failure,
    FailureKind,
    HeldTurn,
    KnownSend,
    LookupDone,
    SendAccepted,
    SendNotMade,
    SendRefused,
    SendUnknown,
)

Input = (
    CallEnded
    | MessageReceived
    | MessageBuried
    | CommandGiven
    | DeliveryReported
    | TimerFired
    | Recovered
    | CampaignSlot
    | DetailsFetched
    | DetailsTold
    | AgentAnswered
    | AgentFailed
    | SlotTaken
    | SendAccepted
    | SendNotMade
    | SendRefused
    | SendUnknown
    | LookupDone
    | BackendAnswered
    | ReplayWanted
    | LinkTold
    | HandedOver
    | LetterPublished
    | MessagesExpired
    | LogPurged
)

__all__ = [
    "AgentAnswered",
    "AgentFailed",
    "BackendAnswered",
    "CallDetails",
    "CallEnded",
    "CampaignSlot",
    "CommandGiven",
    "DeliveryReported",
    "DetailsFetched",
    "DetailsTold",
    "Failure",
    "FailureKind",
    "HandedOver",
    "HeldTurn",
    "Input",
    "KnownSend",
    "LetterPublished",
    "LinkTold",
    "LogPurged",
    "LookupDone",
    "MessageBuried",
    "MessageReceived",
    "MessagesExpired",
    "Recovered",
    "ReplayWanted",
    "SendAccepted",
    "SendNotMade",
    "SendRefused",
    "SendUnknown",
    "SlotTaken",
    "TimerFired",
]
