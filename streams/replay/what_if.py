"""What this build's rules would decide on old events, compared with what was decided. Writes nothing."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from db.pool import Pool
from db.store.lookups import events as events_of
from db.store.rows import StoredEvent
from rules import events as e
from rules import inputs as i
from rules.codec import recorded_of
from rules.decide import decide
from rules.inbound import described
from rules.policy import Policy
from rules.state import Conversation
from schemas.errors import InvalidInput
from schemas.events import (
    CallCompleted,
    ConversationEvent,
    Event,
    InboundMessage,
    MessageStatus,
)
from schemas.models import MODELS
from schemas.topics import CALL_COMPLETED, CONVERSATION_EVENT, INBOUND_MESSAGE, MESSAGE_STATUS
from streams.actors.store import load_actors
from streams.replay.candidates import Wanted
from streams.replay.decisions import ids_of, told
from streams.replay.hindsight import given_of
from streams.replay.history import History, Step
from streams.replay.reader import Record

TOPICS: Final = (CALL_COMPLETED, INBOUND_MESSAGE, MESSAGE_STATUS, CONVERSATION_EVENT)
# Enough to see what a change does; the counts cover all.
_MOST_SHOWN = 100
_PAGE = 1_000
_KINDS: Final[Mapping[type[object], str]] = {
    i.CallEnded: "begins",
    i.DetailsFetched: "first message",
    i.MessageReceived: "message",
    i.CommandGiven: "command",
    i.AgentAnswered: "parts",
    i.AgentFailed: "agent",
    i.DeliveryReported: "rank",
    i.TimerFired: "timer",
    i.CampaignSlot: "pace",
    i.BackendAnswered: "backend",
}
"""What a decision is about, by its input; those of all other inputs are about a send."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`what`: the decision; `was`, `now`: what was and would be decided; `origin`: topic/partition/offset."""

    origin: str
    event_id: str
    what: str
    was: Any
    now: Any


@dataclass(slots=True)
class Comparison:
    """Counts of decisions by kind, and those `differing`. `unknown`: events that the log does not tell of."""

    compared: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    unreadable: int = 0
    shown: list[Difference] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        self.compared[difference.what] += 1
        if difference.was != difference.now:
            self.differing[difference.what] += 1
            if len(self.shown) < _MOST_SHOWN:
                self.shown.append(difference)


@dataclass(frozen=True, slots=True)
class _Read:
    record: Record
    event: Any
    key: str


class WhatIf:
    """Comparison of one topic's events with what this build decides on them, in the state that they met."""

    def __init__(
        self, policy: Policy, pool: Pool, wanted: Wanted, country: Mapping[str, object] | None = None
    ) -> None:
        """`country`: see `Settings.country`."""
        self._country = country
        self._policy = policy
        self._pool = pool
        self._wanted = wanted
        self.result = Comparison()

    async def compare(self, records: Sequence[Record]) -> None:
        """Compare some records of one topic."""
        read = [each for record in records if (each := self._read(record)) is not None]
        of_key: dict[str, list[_Read]] = {}
        for each in read:
            of_key.setdefault(each.key, []).append(each)
        actors = await load_actors(self._pool, list(of_key))
        for key, mine in of_key.items():
            await self._compare(actors[key].state, mine)

    async def _compare(self, state: Conversation, mine: Sequence[_Read]) -> None:
        asked = {name: each for each in mine for name in _names(each.event, state.id)}
        found: set[str] = set()
        async for step in self._steps(state):
            names = _names_of(step)
            found |= names
            if (read := next((asked[name] for name in sorted(names) if name in asked), None)) is not None:
                self._add(read, step)
        self.result.unknown += sum(not _names(each.event, state.id) & found for each in mine)

    async def _steps(self, state: Conversation) -> AsyncIterator[Step]:
        if state.id is None:
            return
        history, after = History(Conversation(key=state.key)), 0
        group: list[e.Recorded] = []
        while page := await events_of(self._pool, state.id, after=after, most=_PAGE):
            after = page[-1].row.number
            group += _readable(page)
        for step in history.steps(_whole(group)):
            yield step

    def _add(self, read: _Read, step: Step) -> None:
        given = self._given(read, step)
        if given is None:
            return
        decision = decide(step.before, given, step.events[0].at, self._policy, ids_of(step))
        was = [told(recorded) for recorded in step.events]
        now = [told(recorded) for recorded in decision.events]
        what = _KINDS.get(type(given), "send")
        self.result.add(Difference(read.record.origin, read.event.event_id, what, was, now))
        if isinstance(read.event, InboundMessage):
            for name, before, after in _words(read.event, step, decision.events):
                self.result.add(Difference(read.record.origin, read.event.event_id, name, before, after))

    def _given(self, read: _Read, step: Step) -> i.Input | None:
        """Return the input as the log tells it. Calls and clients' messages say more than their events do."""
        first, given = step.events[0].event, given_of(step, self._policy)
        if isinstance(read.event, CallCompleted) and isinstance(first, e.Declined):
            sid = first.outcome.get("sid") if first.reason == "repeated" else None
            return i.CallEnded(call=read.event, received_at=step.events[0].at, followed_up=sid)
        if isinstance(read.event, InboundMessage) and isinstance(given, i.MessageReceived):
            return replace(given, intent=self._policy.keywords.intent(read.event.params))
        return given

    def _read(self, record: Record) -> _Read | None:
        model = MODELS[record.topic]
        try:
            event: Any = model.from_json(record.value or b"", self._country)
            key = event.phone_number if isinstance(event, ConversationEvent) else event.key
        except InvalidInput:
            self.result.unreadable += 1
            return None
        if self._wanted.number is not None and key != self._wanted.number:
            return None
        if self._wanted.batch is not None and getattr(event, "batch_id", None) != self._wanted.batch:
            return None
        return _Read(record, event, key)


def _words(event: InboundMessage, step: Step, now: Sequence[e.Recorded]) -> Iterable[tuple[str, Any, Any]]:
    """Yield a message's text and what it commands, each a part of the decision, before and now."""
    first, then = step.events[0].event, now[0].event if now else None
    if isinstance(first, e.Received):
        text = described(event.params)
        yield "text", first.content, first.content if first.content.endswith(text) else text
        yield "intent", first.intent, then.intent if isinstance(then, e.Received) else None


def _names(event: Event, conversation_id: int | None) -> set[str]:
    """Return what an event is called in the log; a report, by its message and how far that came."""
    if isinstance(event, ConversationEvent):
        return (
            {f"{event.conversation_id}:{event.number}"} if event.conversation_id == conversation_id else set()
        )
    if isinstance(event, MessageStatus):
        status = event.params.get("MessageStatus") or event.params.get("SmsStatus", "")
        return {f"report:{event.params.get('MessageSid')}:{status}"}
    if isinstance(event, CallCompleted):
        return {f"call:{event.event_id}", f"first:{event.event_id}"}
    assert isinstance(event, InboundMessage), "the other topic that is compared"
    return {f"message:{event.event_id}"}


def _names_of(step: Step) -> set[str]:
    names = {f"{recorded.conversation_id}:{recorded.number}" for recorded in step.events}
    for event in (recorded.event for recorded in step.events):
        match event:
            case e.Received(message_sid=sid):
                names.add(f"message:{sid}")
            case e.Started(elevenlabs_conversation_id=call):
                names.add(f"call:{call}")
            case e.Queued() if event.waiting.kind == "call":
                names.add(f"call:{event.waiting.event_id}")
            case e.Declined(kind="call"):
                names.add(f"call:{event.event_id}")
            case e.Answered(kind="call"):
                names.add(f"first:{step.before.elevenlabs_conversation_id}")
            case e.Delivered() | e.DeliveryFailed():
                names.add(f"report:{event.sid}:{event.status}")
    return names


def _readable(page: Sequence[StoredEvent]) -> list[e.Recorded]:
    """Return the events of this version; what came before is in the snapshot of the build that moved it."""
    return [
        recorded_of(each.row, each.conversation_id) for each in page if "schema_version" not in each.row.data
    ]


def _whole(events: Sequence[e.Recorded]) -> Sequence[e.Recorded]:
    """Return what can be folded: from the first event, or from a snapshot on."""
    if not events or events[0].number == 1:
        return events
    first = next((n for n, each in enumerate(events) if isinstance(each.event, e.Snapshot)), len(events))
    return events[first:]
