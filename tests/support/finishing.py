"""Plays a conversation to its end: vendors do what its state wants, time passes when it wants nothing."""

import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from rules import effects as f
from rules import inputs as i
from rules.draft import Fresh
from rules.events import Answered, Sent
from tests.support.chat import Chat

# Far more steps than any test's conversation has.
_MOST_STEPS = 500
_FIRST_FREE = 1_000_000


def later_ids() -> Fresh:
    """Return ids not given out yet."""
    conversations, messages, turns, owns = (itertools.count(_FIRST_FREE) for _ in range(4))
    return Fresh(
        conversation_id=lambda: next(conversations),
        message_id=lambda: next(messages),
        turn_id=lambda: next(turns),
        own_id=lambda: str(uuid.UUID(int=next(owns))),
        jitter=lambda: 0.0,
    )


@dataclass
class Finisher:
    """Plays a chat. `known`: the sids that a look-up finds, by our id; it finds no others."""

    chat: Chat
    known: Mapping[str, str] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    posted: list[int] = field(default_factory=list)

    def finish(self, hours: float = 20.0) -> None:
        """Go on until nothing is wanted within so many hours."""
        self.chat.give(i.Recovered())
        self.chat.give(i.TimerFired())
        end = self.chat.now + timedelta(hours=hours)
        for _ in range(_MOST_STEPS):
            if effects := self.chat.wanted():
                self._do(effects[0])
                continue
            due = self.chat.due()
            if due is None or due > end:
                return
            self.chat.now = max(due, self.chat.now)
            self.chat.give(i.TimerFired())
        raise AssertionError(f"it does not end: {self.chat.wanted()}")

    @property
    def said(self) -> list[str]:
        """What the vendor has taken since, in order."""
        return [each.event.content for each in self.chat.events if isinstance(each.event, Sent)]

    @property
    def answered(self) -> list[str]:
        """The client's messages answered since, in order."""
        told = [each.event for each in self.chat.events if isinstance(each.event, Answered)]
        return [sid for event in told for sid in event.answers]

    def _do(self, effect: f.Effect) -> None:
        match effect:
            case f.AskAgent():
                self._answer(effect)
            case f.AwaitSlot():
                self.chat.give(i.SlotTaken(own_id=effect.part.own_id))
            case f.SendMessage():
                sid = f"MM{len(self.chat.events):032x}"
                self.chat.give(i.SendAccepted(own_id=effect.part.own_id, sid=sid))
            case f.LookUpSend():
                sid = self.known.get(effect.part.own_id)
                self.chat.give(i.LookupDone(own_id=effect.part.own_id, sid=sid, absent=sid is None))
            case f.FetchDetails():
                self._details(effect)
            case f.TellBackend():
                self.posted.append(effect.number)
                self.chat.give(
                    i.BackendAnswered(conversation_id=effect.conversation_id, number=effect.number)
                )
            case f.ReserveCampaignSlot():
                self.chat.give(i.CampaignSlot(turn_id=effect.turn_id, at=self.chat.now))

    def _answer(self, effect: f.AskAgent) -> None:
        question = tuple(each.event_id for each in effect.question)
        self.asked.append(question)
        text = "respuesta a " + ", ".join(each.text for each in effect.question)
        reply = {"text": text}
        self.chat.give(
            i.AgentAnswered(question=question, text=text, reply=reply, seconds=0.5, caught_up=True)
        )

    def _details(self, effect: f.FetchDetails) -> None:
        details = i.CallDetails(call_id=effect.call_id, summary="Quiere el plan", duration_secs=61)
        self.chat.give(i.DetailsFetched(call_id=effect.call_id, details=details))
