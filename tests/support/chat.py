"""A conversation with nothing around it: inputs go in, events and effects come out, time is a variable."""

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from rules import effects as f
from rules import inputs as i
from rules.codec import data_of, event_of, state_json, state_of, type_of
from rules.decide import decide
from rules.draft import Fresh
from rules.events import Event, Recorded, Sent
from rules.evolve import evolve
from rules.known_sends import KnownSends, newest, remember
from rules.policy import Policy
from rules.project import project
from rules.state import Conversation
from schemas.commands import ConversationCommand
from schemas.events import CallCompleted
from schemas.rows import InputKind
from schemas.settings import load_settings
from schemas.statuses import rank_of
from tests.support.tables import Tables

NUMBER = "+573138539155"
START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
"""A Monday, ten in the morning in Bogotá."""


def paragraphs(text: str) -> list[str]:
    """Split at empty lines, so that a test decides how many messages an answer has."""
    return [part for part in text.split("\n\n") if part.strip()]


def policy_of(**settings: object) -> Policy:
    """Return the policy that settings make."""
    return Policy.of(load_settings({}, **settings), paragraphs)


def fresh() -> Fresh:
    """Return ids that count up, and no jitter."""
    conversations, messages, turns, owns = (itertools.count(1) for _ in range(4))
    return Fresh(
        conversation_id=lambda: next(conversations),
        message_id=lambda: next(messages),
        turn_id=lambda: next(turns),
        own_id=lambda: str(uuid.UUID(int=next(owns))),
        jitter=lambda: 0.0,
    )


@dataclass
class Chat:
    """A conversation with its log and tables."""

    policy: Policy = field(default_factory=policy_of)
    fresh: Fresh = field(default_factory=fresh)
    now: datetime = START
    state: Conversation = field(default_factory=lambda: Conversation(key=NUMBER))
    #: Events of all inputs so far.
    events: list[Recorded] = field(default_factory=list)
    #: What the events project to.
    tables: Tables = field(default_factory=Tables)
    #: What an actor in memory knows of its sends, though their table may have been read before.
    remembered: KnownSends = field(default_factory=dict)
    sids: Callable[[], int] = field(default_factory=lambda: itertools.count(1).__next__)

    def give(self, given: i.Input) -> list[Event]:
        """Decide, and check that the log would bring back what was decided."""
        given = newest(self.remembered, given)
        decision = decide(self.state, given, self.now, self.policy, self.fresh)
        for recorded in decision.events:
            self.remembered = remember(self.remembered, self.state, recorded.event, given)
            self._record(recorded)
        assert self.state == decision.state
        assert state_of(state_json(self.state)) == self.state
        self.events += decision.events
        return [recorded.event for recorded in decision.events]

    def steps_from(self, start: Conversation, told: int) -> list[tuple[Recorded, Conversation]]:
        """Return events from `told` on, each with the state it left; `start` is the state before them."""
        states = itertools.accumulate(self.events[told:], evolve, initial=start)
        return list(zip(self.events[told:], itertools.islice(states, 1, None), strict=True))

    def _record(self, recorded: Recorded) -> None:
        assert recorded.number == (1 if self.state.erased else self.state.number + 1), "numbers have no gaps"
        assert event_of(type_of(recorded.event), data_of(recorded.event)) == recorded.event
        after = evolve(self.state, recorded)
        for change in project(self.state, recorded, after):
            self.tables.apply(change)
        self.state = after

    def was_seen(self, kind: InputKind, event_id: str) -> bool:
        """Return whether an event came before. The store knows that; the rules are not asked."""
        return (kind, event_id) in self.tables.seen

    def wanted(self) -> list[f.Effect]:
        return list(f.wanted(self.state, self.now, self.policy))

    def lane(self) -> list[f.Effect]:
        """Return the wanted effects of the lane, in which one runs at a time."""
        return [effect for effect in self.wanted() if not _is_beside(effect)]

    def due(self) -> datetime | None:
        """Return when to look at the state again."""
        return f.next_due(self.state, self.policy, after=self.now)

    def passes(self, **of: float) -> list[Event]:
        """Let time pass, then fire the timer."""
        self.now += timedelta(**of)
        return self.give(i.TimerFired())

    def call(self, conversation: str = "conv_1", *, status: str = "completed", **over: object) -> list[Event]:
        """End a call, so that its first message is wanted."""
        body = {
            "agent_id": "agent_1",
            "agent_name": "Sofía",
            "recipient": {"phone_number": self.state.key, "conversation_id": conversation, "status": status},
            "call_metadata": {"client_name": "Ana García"},
        } | over
        call = CallCompleted.from_object(body)
        if self.was_seen("call", call.event_id):
            return []
        return self.give(i.CallEnded(call=call, received_at=self.now))

    def greet(self, *, summary: str | None = "Quiere el plan oro", seconds: int | None = 61) -> list[Event]:
        """Make the first message, with what ElevenLabs knows of the call, and send it."""
        call = self.state.call_id
        details = i.CallDetails(call_id=call, summary=summary, duration_secs=seconds)
        told = self.give(i.DetailsFetched(call_id=call, details=details, slot=True))
        return told + self.accept()

    def write(self, text: str, sid: str | None = None, **over: object) -> list[Event]:
        """Write as the client."""
        sid = sid or f"SM{self.sids():032x}"
        if self.was_seen("message", sid):
            return []
        intent = self.policy.keywords.intent({"Body": text})
        common = {
            "address": f"whatsapp:{self.state.key}",
            "text": text,
            "received_at": self.now,
            "intent": intent,
        }
        return self.give(i.MessageReceived(**({"event_id": sid} | common | over)))  # type: ignore[arg-type]

    def answer(self, text: str = "Cuesta 20", *, slot: bool = True, **over: object) -> list[Event]:
        """Answer what the agent was asked."""
        [asked] = [effect for effect in self.wanted() if isinstance(effect, f.AskAgent)]
        question = tuple(each.event_id for each in asked.question)
        given = {"question": question, "text": text, "reply": {"text": text}, "seconds": 1.0, "slot": slot}
        return self.give(i.AgentAnswered(**(given | over)))  # type: ignore[arg-type]

    def sends(self) -> list[f.SendMessage]:
        """Return the message that is being sent."""
        return [effect for effect in self.wanted() if isinstance(effect, f.SendMessage)]

    def take_slot(self) -> list[Event]:
        """Give a slot to whatever waits for one."""
        waiting = [effect.part for effect in self.wanted() if isinstance(effect, f.AwaitSlot)]
        return [event for part in waiting for event in self.give(i.SlotTaken(own_id=part.own_id))]

    def accept(self) -> list[Event]:
        """Accept the turn's messages one after the other, and report what is waited for."""
        told: list[Event] = self.take_slot()
        while sends := self.sends():
            own_id, sid = sends[0].part.own_id, f"MM{self.sids():032x}"
            told += self.give(i.SendAccepted(own_id=own_id, sid=sid))
            following = self.state.turn.next_part if self.state.turn is not None else None
            if following is not None and following.wait is not None and following.wait.reason == "order":
                told += self.report(own_id, "sent")
            told += self.take_slot()
        return told

    def exchange(self, question: str = "¿precio?", text: str = "Cuesta 20") -> list[Event]:
        """Have the client ask, the agent answer and the vendor accept."""
        return self.write(question) + self.answer(text) + self.accept()

    def report(self, own_id: str, status: str, **over: object) -> list[Event]:
        """Give a delivery report, with its send as the table has it."""
        send = self.known_send(own_id)
        common: dict[str, Any] = {"own_id": own_id, "status": status, "rank": rank_of(status), "at": self.now}
        common |= {"delivered": status in ("delivered", "read"), "read": status == "read"}
        sid = send.sid if send is not None else None
        return self.give(i.DeliveryReported(**(common | {"sid": sid, "send": send} | over)))

    def fails(self, own_id: str, kind: i.FailureKind, code: str | None = None) -> list[Event]:
        """Report that a message did not arrive."""
        return self.report(own_id, "undelivered", failure=i.Failure(kind=kind, code=code))

    def known_send(self, own_id: str) -> i.KnownSend | None:
        row = self.tables.sends.get(own_id)
        if row is None:
            return None
        names = {each.name for each in fields(i.KnownSend)} & set(row)
        given = {"own_id": own_id, "to": row["to_address"], "rank": -1, "sid": None, "message_id": None}
        return i.KnownSend(**(given | {name: row[name] for name in names}))

    def said(self) -> list[str]:
        """Return what the vendor took, in order."""
        return self.tables.said("outbound")

    def sent_ids(self) -> list[str]:
        """Return our ids of what the vendor took, in order."""
        return [recorded.event.own_id for recorded in self.events if isinstance(recorded.event, Sent)]

    def command(self, command: str, by: str = "ana", **over: object) -> list[Event]:
        """Give an operator's command."""
        body = {
            "command_id": f"cmd-{self.sids()}",
            "phone_number": self.state.key,
            "command": command,
            "by": by,
        }
        given = ConversationCommand.from_object(body | {"at": self.now.isoformat()} | over)
        if self.was_seen("command", given.command_id):
            return []
        return self.give(i.CommandGiven(command=given, received_at=self.now))


def _is_beside(effect: f.Effect) -> bool:
    is_details = isinstance(effect, f.FetchDetails) and effect.seconds is None
    return is_details or isinstance(effect, f.TellBackend)


def talking(**settings: object) -> Chat:
    """Return a conversation whose first message is sent."""
    chat = Chat(policy_of(**settings))
    chat.call()
    chat.greet()
    return chat


def types(events: list[Event]) -> list[str]:
    return [type_of(event) for event in events]
