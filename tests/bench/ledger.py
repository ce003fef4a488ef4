"""What the outside saw: every message, question and answer, timed by one monotonic clock in seconds."""

import time
from dataclasses import dataclass, field

from tests.chaos.clients import Written
from tests.chaos.vendors import Asked, Sent
from tests.chaos.verdict import ECHO, Verdict, judge


@dataclass(slots=True)
class Message(Written):
    """A client's message."""

    #: When Twilio had accepted the answer.
    answered: float | None = None
    #: Seconds that both vendors took.
    vendors: float = 0.0

    @property
    def overhead(self) -> float:
        """Seconds from writing to acceptance, minus what the vendors took."""
        assert self.answered is not None, "asked of answered messages only"
        return self.answered - self.begun - self.vendors


@dataclass(slots=True)
class Ledger:
    """Everything that was written, asked and sent."""

    numbers: list[str] = field(default_factory=list)
    written: list[Message] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    by_text: dict[str, Message] = field(default_factory=dict)
    #: What the vendors took for a number's first message.
    call_seconds: dict[str, float] = field(default_factory=dict)
    #: When Twilio accepted that message.
    first_at: dict[str, float] = field(default_factory=dict)
    asking: int = 0
    unanswered: int = 0

    def wrote(self, message: Message) -> None:
        self.written.append(message)
        self.unanswered += 1
        self.by_text[message.text] = message

    def spent(self, text: str, seconds: float) -> None:
        """Note how long an agent took for a question, which may consist of several messages."""
        for line in text.split("\n"):
            if (message := self.by_text.get(line)) is not None:
                message.vendors += seconds

    def accepted(self, number: str, body: str, sid: str, seconds: float) -> list[Message]:
        """Note a message that Twilio accepted after `seconds`; return the client's messages it answers."""
        now = time.monotonic()
        self.sent.append(Sent(number, body, now, sid))
        if not body.startswith(ECHO):
            self.call_seconds[number] = self.call_seconds.get(number, 0.0) + seconds
            self.first_at.setdefault(number, now)
            return []
        found = [self.by_text.get(text) for text in body.removeprefix(ECHO).split("\n")]
        answers = [message for message in found if message is not None and message.answered is None]
        for message in answers:
            message.answered = now
            message.vendors += seconds
        self.unanswered -= len(answers)
        return answers

    def verdict(self) -> Verdict:
        """Judge everything, with the code that judges the chaos runs."""
        return judge(self.numbers, list(self.written), self.sent, self.asked)
