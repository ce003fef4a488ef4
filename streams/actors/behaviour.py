"""How the mailbox drives the rules. Pure, except for the ids that it takes."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from mailboxes.ports import Behaviour, Step
from rules import effects as f
from rules import inputs as i
from rules.decide import decide
from rules.draft import Fresh
from rules.events import (
    Delivered,
    DeliveryFailed,
    Event,
    Expired,
    LetterSent,
    Posted,
    Received,
    Recorded,
    ReportedEarly,
    Sent,
    Snapshot,
    Unanswered,
)
from rules.known_sends import KnownSends, newest, remember
from rules.policy import Policy
from rules.project import project
from rules.state import Conversation
from schemas.rows import Change
from streams.actors.values import Actor, EventId, Job, Told, Transition

# No next step depends on these: a write of nothing else may wait for others to join it.
_PATIENT = (Delivered, DeliveryFailed, Expired, LetterSent, Posted, ReportedEarly, Snapshot, Unanswered)
# A time that came between the last look at what is wanted and this one gets one more look. Older ones changed
# nothing and must not hide those still to come.
_JUST_PAST_SECONDS = 1.0
# A write already under way when an event is taken up does not contain it. The next one does, and from then on
# the store refuses a repetition. While Postgres is slow or away, `taken` may hold as many events as a
# partition has room for.
_WRITES_UNTIL_DURABLE = 2
# This many messages of a client count as one. What is written during a vendor's outage is read while it
# lasts, and is one question at its end rather than one each time there is room. A client who never stops
# takes more room than others.
_READ_AS_ONE = 25
# A state without texts takes about 2 kB in Python.
_EMPTY_SIZE = 2_000


class Conversations(Behaviour[Actor, Told, Job, Transition]):
    """The behaviour of conversations.

    Args:
        seen: whether the store has reported that an event was taken up before.
        calls_read_until: the time up to which published calls have been handed over.
        now: the mailbox's time, in Unix seconds.
        repeated: called for each event that was taken up before.
    """

    def __init__(
        self,
        policy: Policy,
        fresh: Fresh,
        *,
        seen: Callable[[tuple[str, str]], bool],
        calls_read_until: Callable[[], datetime],
        now: Callable[[], float],
        repeated: Callable[[], object] = lambda: None,
    ) -> None:
        self._policy = policy
        self._fresh = fresh
        self._seen = seen
        self._calls_read_until = calls_read_until
        self._now = now
        self._repeated = repeated

    def handle(self, state: Actor, message: Told, now: float) -> Step[Actor, Job, Transition]:
        """Decide on a message; a repeated event changes nothing.

        A state that cannot go on is the fault of the message that led to it, and is not written.
        """
        if message.failure is not None:
            raise message.failure
        if message.event is not None and (message.event in state.taken or self._seen(message.event)):
            self._repeated()
            return Step(state)
        given = newest(state.sends, message.given)
        decision = decide(state.state, given, _time(now), self._policy, self._fresh)
        wanted: tuple[f.Effect, ...] = ()
        if decision.steps or isinstance(given, i.Recovered):
            wanted = f.wanted(decision.state, _time(now), self._policy)
        if not decision.steps:
            # Raises if the state cannot go on; where something is written, making its row does.
            f.next_due(decision.state, self._policy)
            if message.event is not None:
                self._repeated()
            return Step(state)
        write = transition(state, given, decision.steps)
        sends = _sends(state, given, write.events)
        taken = state.taken if message.event is None else _with_taken(state, message.event)
        eager = _asks(wanted) if isinstance(given, i.MessageReceived) else ()
        is_patient = all(_may_wait(each.event, write.state, eager) for each, _ in write.events)
        return Step(Actor(write.state, state.stored, sends, taken), write, eager=eager, patient=is_patient)

    def wanted(self, state: Actor, now: float) -> Iterable[Job]:
        return [Job(effect) for effect in f.wanted(state.state, _time(now), self._policy)]

    def committed(self, effect: Job) -> bool:
        """Return whether a drain still begins an effect, as it does a send.

        The next owner would look up an intended send that never began for as long as it might have lived.
        """
        return isinstance(effect.effect, f.SendMessage)

    def due(self, state: Actor) -> float | None:
        at = f.next_due(state.state, self._policy, _time(self._now() - _JUST_PAST_SECONDS))
        return None if at is None else at.timestamp()

    def woken(self, now: float) -> Told:
        return Told(given=i.TimerFired(calls_read_until=self._calls_read_until()))

    def recovered(self, running: frozenset[str]) -> Told:
        return Told(given=i.Recovered(running=running))

    def open_work(self, state: Actor) -> int:
        """Return the open work.

        What waits for its time, or for a call, holds nobody back: it may be thousands, for hours.
        """
        conversation = state.state
        if not conversation.has_begun or _waits_for_its_time(conversation):
            return 0
        return math.ceil((len(conversation.inbox) + (conversation.turn is not None)) / _READ_AS_ONE)

    def size(self, state: Actor) -> int:
        said = sum(len(send.body) for send in state.sends.values())
        return _EMPTY_SIZE + said + sum(len(waiting.text) for waiting in state.state.inbox)


def _asks(wanted: Iterable[f.Effect]) -> tuple[Job, ...]:
    """Return the question, which need not wait until the client's message is written down.

    An answer that nobody waits for any more is dropped. After an answer the question does wait, because
    what the agent is told of the conversation is read from the rows.
    """
    return tuple(Job(effect) for effect in wanted if isinstance(effect, f.AskAgent))


def _with_taken(actor: Actor, event: EventId) -> dict[EventId, int]:
    """Return the events that may not be durable yet, including this one."""
    version = actor.stored.version
    kept = {each: at for each, at in actor.taken.items() if version < at + _WRITES_UNTIL_DURABLE}
    return {**kept, event: version}


def transition(actor: Actor, given: i.Input, steps: Sequence[tuple[Recorded, Conversation]]) -> Transition:
    """Return what an input came to, with the changed rows. `steps`: the events with the states they left."""
    before, changes = actor.state, list[Change]()
    for recorded, after in steps:
        changes += project(before, recorded, after)
        before = after
    return Transition(
        given=given,
        before=actor.state,
        stored=actor.stored,
        events=tuple(steps),
        changes=tuple(changes),
        state=before,
    )


def _sends(actor: Actor, given: i.Input, steps: Iterable[tuple[Recorded, Conversation]]) -> KnownSends:
    before, sends = actor.state, actor.sends
    for recorded, after in steps:
        sends = remember(sends, before, recorded.event, given)
        before = after
    return sends


def _waits_for_its_time(state: Conversation) -> bool:
    turn = state.turn
    if turn is None:
        return state.ask_wait is not None
    part = turn.next_part
    return turn.wait is not None or (part is not None and part.wait is not None)


def _may_wait(event: Event, after: Conversation, eager: Sequence[Job]) -> bool:
    """Return whether nothing waits for this to be durable: no effect, no next part, no HTTP request.

    A message whose question goes out without it is written in company, at the latest with the answer.
    """
    if isinstance(event, Sent):
        return after.turn is None and event.kind == "reply" and not after.inbox
    if isinstance(event, Received):
        return not event.asks or bool(eager)
    return isinstance(event, _PATIENT)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
