"""A number's history of weighted moves: whatever vendors, client and operators do, and whatever dies."""

from collections import Counter
from typing import Any, Final

from hypothesis import strategies as st

from rules import inputs as i
from rules.events import Answered, Received, Sent
from rules.policy import Policy
from rules.turns import Waiting
from schemas.statuses import rank_of
from streams.actors.reports import failure_of
from tests.support.chat import Chat, policy_of
from tests.support.lane import ACCEPTED, FATES, LOST, Lane

TEXTS: dict[str, Any] = {"opt_out_text": "Adiós", "opt_in_text": "Hola", "handoff_text": "Te paso"}
REOPENING = {"twilio_reopen_content_sid": "HX1", "twilio_reopen_content_variables": '{"1": "{text}"}'}
POLICIES = (
    policy_of(**TEXTS),
    policy_of(**TEXTS, twilio_unknown_send="hold"),
    policy_of(**TEXTS, reply_quiet_seconds=3, unknown_number_agent_id="agent_9"),
    policy_of(**TEXTS, campaign_messages_per_minute=6, quiet_hours="21:00-08:00"),
    policy_of(**TEXTS, **REOPENING),
)
CODES = {"slow": "63018", "outside_window": "63016", "final": "63003", "suppress": "63033"}
"""A code of the vendor's for each kind of failure."""
REPORTS = ("sent", "delivered", "read", "slow", "slow", "outside_window", "final", "suppress")
SECONDS = (0.3, 3.0, 13.0, 400.0, 40_000.0, 90_000.0)
COMMANDS = ("close", "escalate", "resume", "resume", "write", "write", "change_agent")


class History:
    """One number's history. Each move takes two small numbers, which choose among what is there."""

    def __init__(self, policy: Policy, *, is_known: bool, chat: Chat | None = None) -> None:
        self.chat = chat or Chat(policy)
        self.lane = Lane(self.chat)
        self.table: dict[str, i.KnownSend | None] = {}
        if is_known:
            self.call(0, 0)
            self.lane.run()

    def ask(self, a: int, b: int) -> None:
        self.chat.write("¿precio?", backfilled=a == 0)

    def tell(self, a: int, b: int) -> None:
        self.chat.write(("STOP", "ALTA", "asesor")[a % 3])

    def call(self, a: int, b: int) -> None:
        """End a call, or report one again."""
        status = "no_response" if b > 6 else "completed"
        conversation = f"conv_{self.chat.state.key}_{a % 4}"
        recipient = {"phone_number": self.chat.state.key, "conversation_id": conversation, "status": status}
        self.chat.call(conversation, recipient=recipient | {"id": "lead"}, batch_id="b1")

    def command(self, a: int, b: int) -> None:
        name = COMMANDS[a % len(COMMANDS)]
        self.chat.command(name, text="Soy Ana\n\nDígame", agent_id="agent_2")

    def finish(self, a: int, b: int) -> None:
        if names := list(self.lane.running):
            self.lane.finish(names[a % len(names)], FATES[b % len(FATES)])

    def finish_well(self, a: int, b: int) -> None:
        if names := list(self.lane.running):
            self.lane.finish(names[a % len(names)])

    def report(self, a: int, b: int) -> None:
        """Report what became of something the vendor took, at any time.

        The vendor's own callback knows no id of ours. Every other report brings its send as the table had it
        some moves ago.
        """
        if not self.lane.ledger:
            return
        own_id, sid = list(self.lane.ledger.items())[-1 - a % min(4, len(self.lane.ledger))]
        status, send = REPORTS[b % len(REPORTS)], self._as_read(own_id, behind=(a + b) % 2 == 1)
        failure = failure_of(CODES[status], None) if status in CODES else None
        assert failure is None or failure.kind == status
        is_ours = a != 9
        if not is_ours and send is not None and send.sid != sid:
            send = None
        self.chat.give(
            i.DeliveryReported(
                sid=sid,
                own_id=own_id if is_ours else None,
                status=status,
                rank=6 if failure else rank_of(status),
                at=self.chat.now,
                delivered=status in ("delivered", "read"),
                read=status == "read",
                failure=failure,
                send=send,
            )
        )

    def read(self, a: int, b: int) -> None:
        """Read the table for reports that are decided later."""
        self.table = {own_id: self.chat.known_send(own_id) for own_id in self.lane.ledger}

    def _as_read(self, own_id: str, *, behind: bool) -> i.KnownSend | None:
        is_behind = behind and own_id in self.table and own_id in self.chat.remembered  # not forever
        return self.table[own_id] if is_behind else self.chat.known_send(own_id)

    def wait(self, a: int, b: int) -> None:
        self.chat.passes(seconds=SECONDS[min(a, b) % len(SECONDS)])

    def crash(self, a: int, b: int) -> None:
        self.chat.remembered, self.table = {}, {}  # a new owner reads what is written
        self.lane.crash([ACCEPTED if a % 2 else LOST] * len(self.lane.running))

    def deliver_again(self, a: int, b: int) -> None:
        """Deliver everything once more, as Kafka may."""
        before = self.chat.state
        for kind, event_id in list(self.chat.tables.seen):
            if kind == "message":
                self.chat.write("otra vez", event_id)
            elif kind == "call":
                self.chat.call(event_id)
        assert self.chat.state == before

    def retain(self, a: int, b: int) -> None:
        if self.chat.tables.messages and (conversation := self.chat.state.id) is not None:
            oldest = min(self.chat.tables.messages)
            self.chat.give(i.MessagesExpired(conversation_id=conversation, message_ids=(oldest,)))

    def replay(self, a: int, b: int) -> None:
        received: list[Received] = self.of(Received)
        if not received:
            return
        last = received[-1]
        identity = f"replay:r{b % 2}:{last.message_sid}"
        if not self.chat.was_seen("message", identity):
            again = Waiting(kind="message", event_id=last.message_sid, at=last.received_at, text=last.content)
            self.chat.give(i.ReplayWanted(replay="r", wants="again", waiting=again, identity=identity))

    def erase(self, a: int, b: int) -> None:
        if a == 0:  # rarely, as nothing is left after it to go wrong
            self.chat.command("erase")
            self.chat.events.clear()
            self.table.clear()
            self.lane.forget()

    def of(self, kind: type[Any]) -> list[Any]:
        return [each.event for each in self.chat.events if isinstance(each.event, kind)]

    def check(self) -> None:
        """Check what holds after every move."""
        self.lane.start()
        answered = Counter(sid for each in self.of(Answered) for sid in each.answers)
        assert not [sid for sid, times in answered.items() if times > 1], "answered twice"
        places: dict[int, list[int]] = {}
        for each in self.of(Sent):
            places.setdefault(each.turn_id, []).append(each.part)
        assert all(each == sorted(set(each)) for each in places.values()), "parts out of their order"
        assert all(len(outcomes) == 1 for outcomes in self.chat.tables.outcomes.values()), "two outcomes"
        for row in self.chat.tables.conversations.values():
            assert row["message_count"] == self.chat.state.message_count == len(self.chat.tables.messages)
            assert (row["status"], row["agent_id"]) == (self.chat.state.status, self.chat.state.agent_id)

    def end(self) -> None:
        """Let all be well again, so that everything comes to rest."""
        self.lane.settle()
        self.judge()

    def judge(self) -> None:
        """Check what holds at rest: nothing waits, and nothing was sent that nobody knows of."""
        self.check()
        assert self.chat.state.is_idle, "something waits for ever"
        waits = {each for each in self.chat.tables.seen if each[0] in ("call", "command")}
        assert waits <= set(self.chat.tables.outcomes), "no outcome"
        told = {each.own_id for each in self.of(Sent)}
        held = {own_id for own_id, row in self.chat.tables.sends.items() if row["state"] == "held"}
        assert set(self.lane.ledger) <= told | held | self.lane.forgotten, "sent, and nobody knows of it"


WEIGHTS: Final = {
    "ask": 6,
    "tell": 2,
    "call": 2,
    "command": 2,
    "finish": 8,
    "finish_well": 12,
    "report": 6,
    "wait": 5,
    "crash": 2,
    "read": 4,
    "deliver_again": 1,
    "retain": 1,
    "replay": 1,
    "erase": 1,
}
_NAMES: Final = tuple(name for name, weight in WEIGHTS.items() for _ in range(weight))
MOVES = st.tuples(st.sampled_from(_NAMES), st.integers(0, 9), st.integers(0, 9))
"""A move's name and its two numbers."""
