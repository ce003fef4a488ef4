"""One number's history: its owner's behaviour decides on its inputs, which count once the store has them."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mailboxes.ports import Behaviour
from rules import effects as f
from rules import inputs as i
from rules.events import Erased, Event
from rules.state import Conversation
from schemas.rows import InputKind
from streams.actors.values import Actor, Job, Told, Transition
from tests.support.chat import Chat
from tests.support.history import History
from tests.support.lane import ACCEPTED, LOST, SILENT

ActorBehaviour = Behaviour[Actor, Told, Job, Transition]

POISON = "veneno\x00"
"""A text that Postgres accepts nowhere."""
# A record is committed within a second; until then, any of these many may come again.
_MOST_UNCOMMITTED = 4
_sids = itertools.count(1)


def _event_of(given: i.Input) -> tuple[InputKind, str] | None:
    match given:
        case i.CallEnded():
            return "call", given.call.event_id
        case i.MessageReceived():
            return "message", given.event_id
        case i.CommandGiven():
            return "command", given.command.command_id
        case i.ReplayWanted():
            return "message", given.identity
    return None


@dataclass
class ToldChat(Chat):
    """Keeps inputs for its owner. Whether an event was seen before is for the store to find out."""

    told: list[Told] = field(default_factory=list)
    sids: Callable[[], int] = _sids.__next__

    def give(self, given: i.Input) -> list[Event]:
        self.told.append(Told(given=given, event=_event_of(given)))
        return []

    def was_seen(self, kind: InputKind, event_id: str) -> bool:
        return False


class Number(History):
    """A number with its owner's view of it.

    Attributes:
        actor: As in its owner's memory; None until it is loaded.
        taken: What `writes` decides on.
    """

    chat: ToldChat

    def __init__(self, chat: ToldChat, partition: int) -> None:
        super().__init__(chat.policy, is_known=False, chat=chat)
        self.key, self.partition = chat.state.key, partition
        self.actor: Actor | None = None
        self.taken: list[Told] = []
        self.writes: tuple[Transition, ...] = ()
        self.is_solo = False
        self._records: list[Told] = []

    # Moves that look different to the store than to the rules alone.

    def deliver_again(self, a: int, b: int) -> None:
        """Have Kafka deliver the last records once more."""
        self.chat.told += self._redelivered(min(a, _MOST_UNCOMMITTED))

    def erase(self, a: int, b: int) -> None:
        if a == 0:
            self.chat.command("erase")

    def poison(self, a: int, b: int) -> None:
        self.chat.write(POISON)

    # What its owner does.

    def loaded(self, actor: Actor) -> None:
        """Take the actor that the store returned: it must equal what was written.

        Tell it what is running, and wake it in case it is due.
        """
        known = self.chat.state
        if known.erased:
            known = Conversation(key=known.key, opt_out=known.opt_out)
        assert actor.state == known, "another state than the one that was written"
        self.actor, self.chat.state = actor, known
        running = frozenset(self.lane.running)
        self.chat.told[:0] = [Told(given=i.Recovered(running=running)), Told(given=i.TimerFired())]

    def decide(self, behaviour: ActorBehaviour, most: int) -> bool:
        """Decide on the next inputs, up to as many as one write may hold; return whether there is a write."""
        assert self.actor is not None
        most, self.writes = 1 if self.is_solo else most, ()
        while self.chat.told and len(self.taken) < most:
            told = self.chat.told.pop(0)
            step = behaviour.handle(self.actor, told, self.chat.now.timestamp())
            self.actor = step.state
            self.taken.append(told)
            if step.write is not None:
                self.writes += (step.write,)
            elif not self.writes:
                self.finished()
        return bool(self.writes)

    def written(self) -> None:
        """Note that what was decided is durable: only now has it happened."""
        assert self.actor is not None
        for transition in self.writes:
            for change in transition.changes:
                self.chat.tables.apply(change)
            for recorded, _ in transition.events:
                self.chat.events.append(recorded)
                if isinstance(recorded.event, Erased):
                    self.chat.events.clear()
                    self.lane.forget()
        self.chat.state = self.actor.state
        self.finished()

    def finished(self) -> None:
        """Note that what was taken needs no further write."""
        self._records += [told for told in self.taken if _is_record(told)]
        self.taken, self.writes = [], ()
        self.is_solo = self.is_solo and bool(self.chat.told)

    def refused(self) -> None:
        """Note that nothing of it was written: it is loaded anew and decided on again."""
        self.chat.told[:0] = [
            told for told in self.taken if not isinstance(told.given, i.Recovered | i.TimerFired)
        ]
        self.taken, self.writes, self.actor = [], (), None

    def failed(self, error: Exception) -> None:
        """Handle data that Postgres refuses.

        Inputs that failed together are retried one by one; an input that fails alone is a dead letter.
        """
        if len(self.taken) > 1:
            self.is_solo = True
            self.refused()
            return
        given = self.taken.pop().given
        is_poison = isinstance(given, i.MessageReceived) and given.text == POISON
        assert is_poison, f"only poison fails by itself: {given} {error}"
        self.refused()

    def moved(self, chance: random.Random) -> None:
        """Lose the owner: what ran is cut off, results are lost or told as reports, records come again."""
        self._cut_off(chance)
        lost = [told.given for told in (*self.taken, *self.chat.told)]
        unfinished = [
            self._as_it_is_read(told) for told in (*self.taken, *self.chat.told) if _is_record(told)
        ]
        self.taken, self.writes, self.actor, self.is_solo = [], (), None, False
        self.chat.told = self._redelivered(chance.randint(0, _MOST_UNCOMMITTED)) + unfinished
        for given in lost:
            if isinstance(given, i.SendAccepted) and chance.random() < 0.5:
                report = i.DeliveryReported(
                    sid=given.sid,
                    own_id=given.own_id,
                    status="accepted",
                    rank=0,
                    at=self.chat.now,
                    send=self.chat.known_send(given.own_id),
                )
                self.chat.give(report)

    def _cut_off(self, chance: random.Random) -> None:
        for effect in self.lane.running.values():
            if isinstance(effect, f.SendMessage):
                self.lane.send(effect.part, chance.choice((SILENT, LOST)))
        self.lane.running.clear()
        # Only a send is never begun twice; whatever else ended but was not yet written is asked for again.
        self.lane.finished = {name for name in self.lane.finished if name.startswith("send:")}

    def _redelivered(self, most: int) -> list[Told]:
        return (
            [self._as_it_is_read(told) for told in self._records[len(self._records) - most :]] if most else []
        )

    def _as_it_is_read(self, told: Told) -> Told:
        """Read a report with its send as of now, found by our own id or by the vendor's."""
        if not isinstance(told.given, i.DeliveryReported) or (own_id := _sent_as(told.given)) is None:
            return told
        return replace(told, given=replace(told.given, send=self.chat.known_send(own_id)))

    def go_on(self) -> bool:
        """Do one thing that is still to be done, successfully; return whether there was any."""
        self.lane.start()
        if self.lane.running:
            self.lane.finish(next(iter(self.lane.running)), ACCEPTED)
            return True
        due = self.chat.due()
        if due is not None:
            self.chat.now = due
            self.chat.give(i.TimerFired())
        return due is not None


def _is_record(told: Told) -> bool:
    return told.event is not None or isinstance(told.given, i.DeliveryReported)


def _sent_as(report: i.DeliveryReported) -> str | None:
    return report.own_id or (report.send.own_id if report.send is not None else None)
