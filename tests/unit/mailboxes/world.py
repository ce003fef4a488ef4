"""A small service to test with: a key takes in ids, wants each answered by an effect, and remembers both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from mailboxes.ports import Step


class Message(NamedTuple):
    """`kind`: take, answer, wake, recovered or poison. An id ending in `~` needs no answer and no hurry."""

    kind: str
    id: str = ""
    running: frozenset[str] = frozenset()


class Event(NamedTuple):
    """`expected`: number of events of the key before it."""

    expected: int
    kind: str
    id: str


@dataclass(frozen=True)
class State:
    """`number`: of events so far. `open`: ids that wait for an answer. The rest is not stored."""

    number: int = 0
    taken: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    running: frozenset[str] = frozenset()

    def after(self, event: Event) -> "State":
        state = replace(self, number=self.number + 1)
        if event.kind == "take":
            waits = () if event.id.endswith("~") else (event.id,)
            return replace(state, taken=(*self.taken, event.id), open=(*self.open, *waits))
        if event.kind == "answer":
            return replace(state, open=tuple(each for each in self.open if each != event.id))
        return state


@dataclass(frozen=True)
class Ask:
    """An effect: have an id answered."""

    id: str
    cancellable: bool = False


@dataclass
class Behaviour:
    """A key's behaviour."""

    #: How many answers at once.
    parallel: int = 1
    #: Whether no state can be continued.
    broken: bool = False
    #: Whether all questions can be cancelled.
    cancellable: bool = False
    #: Whether questions may start before they are durable; what asks is then in no hurry.
    eager: bool = False
    #: Due time by number of events.
    due_at: Mapping[int, float] = field(default_factory=dict)
    handled: list[Message] = field(default_factory=list)

    def handle(self, state: State, message: Message, now: float) -> Step[State, Ask, Event]:
        self.handled.append(message)
        if message.kind == "poison" or (self.broken and message.kind == "recovered"):
            raise ValueError(message.id)
        if message.kind == "recovered":
            return Step(replace(state, running=message.running))
        if message.kind in ("wake", "cancel"):
            event = Event(state.number, message.kind, f"{now:g}")
            return Step(
                replace(state.after(event), open=() if message.kind == "cancel" else state.open), event
            )
        if message.id in state.taken if message.kind == "take" else message.id not in state.open:
            return Step(state)
        event = Event(state.number, message.kind, message.id)
        after = state.after(event)
        eager = tuple(self.wanted(after, now)) if self.eager else ()
        return Step(after, event, eager, patient=bool(eager) or message.id.endswith("~"))

    def wanted(self, state: State, now: float) -> Sequence[Ask]:
        return [Ask(each, self.cancellable) for each in state.open[: self.parallel]]

    def committed(self, effect: Ask) -> bool:
        return effect.id.startswith("!")

    def due(self, state: State) -> float | None:
        return self.due_at.get(state.number)

    def woken(self, now: float) -> Message:
        return Message("wake")

    def recovered(self, running: frozenset[str]) -> Message:
        return Message("recovered", running=running)

    def open_work(self, state: State) -> int:
        return len(state.open)

    def size(self, state: State) -> int:
        return len(state.taken)
