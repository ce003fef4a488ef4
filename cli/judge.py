"""Judges from the simulators' ledgers alone what was lost, doubled or out of order. Pure."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
_ECHO = "Eco: "
"""In the manner `echo` the simulated agent repeats what it was asked: answers can be matched from outside."""


@dataclass(slots=True)
class Verdict:
    """Counts of messages. `problems`: a line each, with the number concerned."""

    clients: int = 0
    received: int = 0
    first_messages: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    overlapping: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.lost == self.doubled == self.out_of_order == self.overlapping == 0


def answered_words(twilio: list[Row], number: str) -> list[str]:
    """Return the client's words that were answered, in the order of the answers."""
    answers = [row["body"] for row in twilio if row["to"] == f"whatsapp:{number}"][1:]
    return [word for body in answers for word in body.removeprefix(_ECHO).split("\n")]


def judge(twilio: list[Row], elevenlabs: list[Row], numbers: list[str]) -> Verdict:
    """Judge the clients of `numbers`, who were each called once and wrote distinct texts."""
    verdict = Verdict(clients=len(numbers))
    asked: dict[str, int] = defaultdict(int)
    for row in elevenlabs:
        asked[row["who"]] = max(asked[row["who"]], row["at_once"])
    for number in numbers:
        _judge_number(verdict, twilio, number)
        if asked[number] > 1:
            verdict.overlapping += 1
            verdict.problems.append(f"{number}: the agent was asked twice at once")
    return verdict


def _judge_number(verdict: Verdict, twilio: list[Row], number: str) -> None:
    address = f"whatsapp:{number}"
    wrote = [row["body"] for row in twilio if row["from"] == address]
    sent = [row["body"] for row in twilio if row["to"] == address]
    verdict.received += len(wrote)
    verdict.first_messages += bool(sent)
    if not sent or sent[0].startswith(_ECHO):
        verdict.lost += 1
        verdict.problems.append(f"{number}: no first message before the answers")
    answered = answered_words(twilio, number)
    counts = Counter(answered)
    lost = [text for text in wrote if not counts[text]]
    doubled = [text for text, count in counts.items() if count > 1] + [
        text for text in counts if text not in wrote
    ]
    verdict.lost += len(lost)
    verdict.doubled += len(doubled)
    verdict.problems += [f"{number}: lost {text!r}" for text in lost]
    verdict.problems += [f"{number}: doubled or unasked {text!r}" for text in doubled]
    if not lost and not doubled and answered != wrote:
        verdict.out_of_order += 1
        verdict.problems.append(f"{number}: answered out of order")
