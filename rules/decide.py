"""What an input comes to: a function of the state, the input and the time. No `await`, clock, socket or SQL.

A transition takes microseconds and is atomic. Only effects take long (`rules.effects`), and
their results are inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rules import (
    backend_posts,
    call_details,
    came_back,
    claims,
    commands,
    confirming,
    erasure,
    idle_close,
    letters,
    links,
    merging,
    opening,
    pace,
    replays,
    replying,
    reports,
    retention,
    sending,
    unknown_numbers,
)
from rules import inputs as i
from rules.draft import Draft, Fresh
from rules.events import Recorded
from rules.policy import Policy
from rules.state import Conversation
from rules.turns import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What happened, in order, and the state after it. What is to be done now follows from the state.

    `steps`: the events, each with the state after it.
    """

    state: Conversation
    steps: tuple[tuple[Recorded, Conversation], ...]

    @property
    def events(self) -> tuple[Recorded, ...]:
        return tuple(recorded for recorded, _ in self.steps)


def decide(state: Conversation, given: i.Input, now: datetime, policy: Policy, fresh: Fresh) -> Decision:
    """Return what an input comes to."""
    if _came_before(state, given):
        return Decision(state=state, steps=())
    draft = Draft(state, now, policy, fresh)
    if not merging.forward(draft, given):
        _HANDLERS[type(given)](draft, given)
    _go_on(draft)
    merging.merge(draft)
    erasure.go_on(draft)
    return Decision(state=draft.state, steps=tuple(draft.steps))


def _came_before(state: Conversation, given: i.Input) -> bool:
    """Return whether an event was delivered again while it waits for its turn.

    The store knows those that have had their turn.
    """
    waiting = {each.event_id for each in state.inbox}
    passed_on = {each.id for each in state.outbox}
    match given:
        case i.MessageReceived(event_id=event_id) | i.ReplayWanted(identity=event_id):
            return event_id in waiting or letters.passed_on(event_id) in passed_on
        case i.CallEnded(call=call):
            return call.event_id in waiting or letters.passed_on(call.event_id) in passed_on
        case i.CommandGiven(command=command):
            is_begun = state.erasing is not None and state.erasing["command_id"] == command.command_id
            return (
                is_begun
                or command.command_id in waiting
                or letters.passed_on(command.command_id) in passed_on
            )
    return False


def _go_on(draft: Draft) -> None:
    """Begin what waits for the lane: first what came back, then the inbox in order."""
    while True:
        before = len(draft.steps)
        came_back.begin(draft)
        if draft.state.turn is None and not came_back.blocks(draft.state):
            _begin_next(draft)
        if len(draft.steps) == before:
            return


def _begin_next(draft: Draft) -> None:
    """Begin the next call, operator's text, short text or replay; the agent is asked about messages."""
    inbox = draft.state.inbox
    if not draft.state.has_begun:  # messages wait for their call
        inbox = tuple(each for each in inbox if each.kind == "call")
    elif draft.state.merging_into is not None:  # they go to the number
        inbox = tuple(each for each in inbox if each.kind != "message")
    if inbox and inbox[0].kind != "message":
        _BEGIN[inbox[0].kind](draft, inbox[0])


_BEGIN: Final[dict[str, Callable[[Draft, Waiting], None]]] = {
    "call": opening.begin_queued,
    "write": commands.begin_write,
    "notice": confirming.begin,
    "replay": replays.begin,
}


def _timer(draft: Draft, timer: i.TimerFired) -> None:
    links.on_timer(draft)
    unknown_numbers.on_timer(draft, timer.calls_read_until)
    idle_close.on_timer(draft)


def _recovered(draft: Draft, recovered: i.Recovered) -> None:
    sending.on_recovered(draft, recovered.running)


_HANDLERS: Final[dict[type[object], Callable[[Draft, Any], object]]] = {
    i.CallEnded: opening.on_call,
    i.MessageReceived: replying.on_message,
    i.MessageBuried: replying.on_buried,
    i.CommandGiven: commands.on_command,
    i.DeliveryReported: reports.on_report,
    i.TimerFired: _timer,
    i.Recovered: _recovered,
    i.CampaignSlot: pace.on_slot,
    i.DetailsFetched: opening.on_details,
    i.DetailsTold: call_details.on_told,
    i.AgentAnswered: replying.on_answer,
    i.AgentFailed: replying.on_failure,
    i.SlotTaken: sending.on_slot,
    i.SendAccepted: reports.accept,
    i.SendNotMade: sending.on_not_made,
    i.SendRefused: sending.on_refused,
    i.SendUnknown: sending.on_unknown,
    i.LookupDone: reports.on_lookup,
    i.BackendAnswered: backend_posts.on_answer,
    i.ReplayWanted: replays.on_replay,
    i.LinkTold: claims.on_told,
    i.HandedOver: merging.on_handed_over,
    i.LetterPublished: links.on_published,
    i.MessagesExpired: retention.on_expired,
    i.LogPurged: retention.on_purge,
}
