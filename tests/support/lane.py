"""What runs beside a conversation: effects under way, and a vendor that keeps what it took, told or not."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rules import effects as f
from rules import inputs as i
from rules.events import Event
from rules.turns import Part
from tests.support.chat import Chat

ACCEPTED, SILENT, LOST, NOT_MADE, SLOW, REFUSED, BLOCKED = FATES = (
    "accepted",
    "silent",
    "lost",
    "not made",
    "slow",
    "refused",
    "blocked",
)
"""What may become of a send, in this order.

Taken; taken without saying so; not taken without saying so; certainly not taken; the same for this person;
refused; refused by the person.
"""


@dataclass
class Lane:
    """What runs beside a chat."""

    chat: Chat
    #: Effects by id.
    running: dict[str, f.Effect] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    #: What the vendor has taken, in order: its id by ours.
    ledger: dict[str, str] = field(default_factory=dict)
    #: Our ids of what was under way when the number was erased.
    forgotten: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Begin what is wanted, and cut off what no longer is."""
        wanted = {effect.id: effect for effect in self.chat.wanted()}
        assert len(self.chat.lane()) <= 1, "one thing at a time"
        for name in [each for each in self.running if each not in wanted]:
            if not isinstance(self.running[name], f.SendMessage):
                del self.running[name]
        for name, effect in wanted.items():
            if name not in self.running:
                self._begin(effect)

    def _begin(self, effect: f.Effect) -> None:
        assert effect.id not in self.finished, "an attempt is begun twice"
        if isinstance(effect, f.SendMessage):
            self.finished.add(effect.id)  # whatever becomes of it
            out = self.chat.state.opt_out
            assert out is None or effect.part.notice == "opted_out", "sent to who wants no messages"
        self.running[effect.id] = effect

    def finish(self, name: str, fate: str = ACCEPTED) -> list[Event]:
        """Give an effect its result."""
        effect = self.running.pop(name)
        self.finished.add(name)
        return [event for given in self._results(effect, fate) for event in self.chat.give(given)]

    def _results(self, effect: f.Effect, fate: str) -> Iterable[i.Input]:
        match effect:
            case f.AskAgent():
                yield self._answer(effect, fate)
            case f.AwaitSlot():
                yield i.SlotTaken(own_id=effect.part.own_id)
            case f.SendMessage():
                yield self.send(effect.part, fate)
            case f.LookUpSend():
                sid = self.ledger.get(effect.part.own_id)
                absent = sid is None and fate != SILENT
                yield i.LookupDone(
                    own_id=effect.part.own_id, sid=sid if fate != LOST else None, absent=absent
                )
            case f.FetchDetails():
                known = i.CallDetails(call_id=effect.call_id, summary="s", duration_secs=1)
                details = known if fate == ACCEPTED else None
                yield i.DetailsFetched(call_id=effect.call_id, details=details, slot=fate != LOST)
            case f.ReserveCampaignSlot():
                yield i.CampaignSlot(turn_id=effect.turn_id, at=self.chat.now)
            case f.TellBackend():
                problem = None if fate == ACCEPTED else "HTTP 503"
                told = effect.conversation_id, effect.number
                yield i.BackendAnswered(conversation_id=told[0], number=told[1], problem=problem)

    def _answer(self, effect: f.AskAgent, fate: str) -> i.Input:
        question = tuple(each.event_id for each in effect.question)
        if fate in (NOT_MADE, LOST):
            return i.AgentFailed(question=question, retryable=True, why="503", vendor_away=fate == LOST)
        if fate in (REFUSED, BLOCKED):
            return i.AgentFailed(question=question, retryable=False, why="404", slot=True)
        text = "" if fate == SLOW else "uno\n\ndos\n\ntres"
        return i.AgentAnswered(question=question, text=text, reply={}, seconds=1.0, slot=fate == ACCEPTED)

    def send(self, part: Part, fate: str) -> i.Input:
        """Have the vendor take a message or not, and say so or not."""
        own_id = part.own_id
        if fate in (ACCEPTED, SILENT):
            assert own_id not in self.ledger, "sent twice"
            self.ledger[own_id] = f"MM{len(self.ledger) + 1}"
        if fate == ACCEPTED:
            return i.SendAccepted(own_id=own_id, sid=self.ledger[own_id])
        if fate in (SILENT, LOST):
            return i.SendUnknown(own_id=own_id, why="reset")
        if fate in (NOT_MADE, SLOW):
            return i.SendNotMade(own_id=own_id, why="429", slow=fate == SLOW)
        return i.SendRefused(own_id=own_id, why="no", by_person=fate == BLOCKED)

    def forget(self) -> None:
        """Erase the number: what is under way may still be taken, and nobody knows of it."""
        sends = (effect for effect in self.running.values() if isinstance(effect, f.SendMessage))
        self.forgotten |= {effect.part.own_id for effect in sends}
        self.ledger.clear()

    def crash(self, fates: Iterable[str]) -> None:
        """Lose the process; what it was sending may have been taken."""
        for effect, fate in zip(list(self.running.values()), fates, strict=False):
            if isinstance(effect, f.SendMessage):
                self.send(effect.part, SILENT if fate == ACCEPTED else LOST)
        self.running.clear()
        self.chat.give(i.Recovered())

    def settle(self) -> None:
        """Answer everything, and look at the conversation when it is due, until nothing is left."""
        for _ in range(1_000):
            self.run()
            if (due := self.chat.due()) is None:
                return
            self.chat.now = due
            self.chat.give(i.TimerFired())
        raise AssertionError("it does not come to rest")

    def run(self) -> None:
        """Answer everything that is wanted now."""
        self.start()
        while self.running:
            self.finish(next(iter(self.running)))
            self.start()
