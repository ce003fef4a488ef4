"""Judges what became of each client's messages, from the two vendors' ledgers alone. Pure.

The agent's `manner` makes no difference.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
_STOPS, _STARTS = ("STOP", "BAJA"), ("START", "ALTA")
_DESCRIBED = "[El cliente"
"""How the agent is told of something that is not text."""


@dataclass(slots=True)
class Ledger:
    """Counts of a client's messages. What a person or a rule says counts as none of them."""

    sent: int = 0
    answered: int = 0
    #: Not answered yet.
    waiting: int = 0
    #: Not answered, though a later one was.
    lost: int = 0
    #: Said again, though asked once.
    doubled: int = 0
    #: Answered after one that was written later.
    out_of_order: int = 0

    def add(self, other: "Ledger") -> None:
        """Add another client's counts."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)


def judge(
    number: str, twilio: Sequence[Row], asked: Sequence[Row], calls: int = 1, addresses: Sequence[str] = ()
) -> Ledger:
    """Judge one client.

    Messages that no agent is to answer are left out: STOP and the like, and all until it is taken back.

    Args:
        calls: How many calls began with a first message, perhaps the same one.
        addresses: All that the client has had; if empty, the number.
    """
    theirs = set(addresses or (f"whatsapp:{number}",))
    keys = {each.removeprefix("whatsapp:") for each in theirs}
    wrote = _answerable([row["body"] for row in twilio if row["from"] in theirs])
    first, *told = [
        row["body"] for row in twilio if row["to"] in theirs and row["direction"] == "outbound-api"
    ] or [""]
    questions = _distinct([row for row in asked if row["who"] in keys and row.get("reply")])
    answered, doubled = _matched(wrote, questions, told)
    ledger = Ledger(
        sent=len(wrote),
        answered=len(answered),
        doubled=doubled + max(0, told.count(first) + 1 - max(calls, 1)),
    )
    latest = max(answered, default=-1)
    unanswered = set(range(len(wrote))) - set(answered)
    shared = _shared(wrote, set(answered))
    ledger.answered += len(shared)
    unanswered -= shared
    ledger.lost = sum(place < latest for place in unanswered)
    ledger.waiting = len(unanswered) - ledger.lost
    ledger.out_of_order = sum(later < max(answered[:place]) for place, later in enumerate(answered) if place)
    return ledger


def _shared(wrote: Sequence[str], answered: set[int]) -> set[int]:
    """Return the places of messages that repeat the one before and share its answer."""
    found: set[int] = set()
    for place, (before, body) in enumerate(pairwise(wrote), 1):
        if place not in answered and body == before and place - 1 in answered | found:
            found.add(place)
    return found


def _answerable(bodies: Sequence[str]) -> list[str]:
    found, is_silent = [], False
    for body in bodies:
        word = body.strip().upper()
        if word in _STOPS or word in _STARTS:
            is_silent = word in _STOPS
        elif not is_silent:
            found.append(body)
    return found


def _distinct(questions: Sequence[Row]) -> list[Row]:
    """Merge repeated questions.

    After a crash an agent may be asked the same again; the client sees one answer, so it is one question.
    """
    return [
        row for place, row in enumerate(questions) if not place or row["text"] != questions[place - 1]["text"]
    ]


def _matched(wrote: list[str], questions: list[Row], told: list[str]) -> tuple[list[int], int]:
    """Return the places of answered messages in the order of their answers, and how many answers repeat."""
    left, open_questions = list(range(len(wrote))), list(questions)
    answered: list[int] = []
    again = 0
    for body in told:
        question = next((row for row in open_questions if _belongs(body, row["reply"])), None)
        if question is None:
            again += any(body.strip() == row["reply"].strip() for row in questions)
            continue
        open_questions.remove(question)
        members = _members(question["text"], wrote, left)
        answered += members
        left = [place for place in left if place not in members]
    return answered, again


def _belongs(body: str, reply: str) -> bool:
    """Return whether a message is an answer or the first part of a long one."""
    return reply.strip().startswith(body.strip())


def _members(question: str, wrote: list[str], left: list[int]) -> list[int]:
    """Return the places of the messages that a question holds.

    Only whole lines count. Messages written at the same time have no order.
    """
    lines = question.split("\n")
    members = []
    for place in left:
        wanted = _lines_of(wrote[place], lines)
        if wanted and all(lines.count(line) >= wanted.count(line) for line in wanted):
            members.append(place)
            for line in wanted:
                lines.remove(line)
    return members


def _lines_of(body: str, lines: list[str]) -> list[str]:
    """Return the lines that a message takes up. What is not text is described in one line."""
    if body.strip():
        return body.strip().split("\n")
    return [line for line in lines if line.startswith(_DESCRIBED)][:1]
