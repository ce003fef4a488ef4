"""Judges from outside: what clients wrote, what Twilio accepted, what the agent was asked. Pure."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tests.chaos.calls import name_of
from tests.chaos.clients import Written
from tests.chaos.vendors import Asked, Sent

ECHO = "Eco: "
"""The simulated agent's manner `echo` repeats the question, so that answers can be matched from outside."""
_SHOWN = 30


@dataclass(slots=True)
class Verdict:
    """Counts of messages unless noted otherwise."""

    written: int = 0
    unacknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    #: Counts numbers.
    overlapping: int = 0
    wrong_number: int = 0
    asked_again: int = 0
    #: Seconds from writing to Twilio's acceptance of the answer, by text.
    latencies: dict[str, float] = field(default_factory=dict)
    #: When Twilio accepted each message, sorted.
    sent_at: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order or self.overlapping or self.wrong_number)

    def note(self, problem: str) -> None:
        if len(self.problems) < _SHOWN:
            self.problems.append(problem)


def judge(
    numbers: list[str],
    written: list[Written],
    sent: list[Sent],
    asked: list[Asked],
    apology: str | None = None,
) -> Verdict:
    """Judge numbers that were called once each. `apology`: what may be said once instead of an answer."""
    verdict = Verdict(written=len(written), unacknowledged=sum(each.acked is None for each in written))
    verdict.sent_at = sorted(each.at for each in sent)
    wrote: dict[str, list[Written]] = defaultdict(list)
    got: dict[str, list[Sent]] = defaultdict(list)
    for message in written:
        wrote[message.number].append(message)
    for message_out in sent:
        got[message_out.number].append(message_out)
    for number, messages in got.items():
        got[number] = _with_apologies(
            verdict, number, wrote[number], _with_parts(wrote[number], messages), apology
        )
    for number in numbers:
        _judge_first(verdict, number, got[number])
        _judge_answers(verdict, number, wrote[number], got[number])
    for number in got.keys() - set(numbers):
        verdict.wrong_number += len(got[number])
        verdict.note(f"{number}: was never called and never wrote")
    _judge_asked(verdict, asked)
    return verdict


def _with_parts(wrote: list[Written], got: list[Sent]) -> list[Sent]:
    """Mark the further parts of an echo too long for one message: this number wrote each of their lines."""
    written = {message.text for message in wrote}
    return [
        replace(message, body=ECHO + message.body) if set(message.body.split("\n")) <= written else message
        for message in got
    ]


def _with_apologies(
    verdict: Verdict, number: str, wrote: list[Written], got: list[Sent], apology: str | None
) -> list[Sent]:
    """Replace an apology by an echo of what was never answered and must have been meant by it."""
    open_ = {message.text: message for message in wrote}
    for text in (text for message in got for text in _texts(message)):
        open_.pop(text, None)
    told: list[Sent] = []
    for message in got:
        if message.body == apology:
            meant = [text for text, each in open_.items() if each.begun < message.at]
            for text in meant:
                del open_[text]
            if not meant:
                verdict.doubled += 1
                verdict.note(f"{number}: an apology for nothing")
                continue
            message = Sent(number, ECHO + "\n".join(meant), message.at, message.sid)
        told.append(message)
    return told


def _judge_first(verdict: Verdict, number: str, got: list[Sent]) -> None:
    """Require one first message, made for this person, before all answers."""
    firsts = [place for place, message in enumerate(got) if not message.body.startswith(ECHO)]
    if not firsts:
        verdict.lost += 1
        verdict.note(f"{number}: no first message")
        return
    if len(firsts) > 1:
        verdict.doubled += len(firsts) - 1
        verdict.note(
            f"{number}: {len(firsts)} first messages, {got[firsts[-1]].at - got[firsts[0]].at:.1f} s apart"
        )
    if firsts[0] != 0:
        verdict.out_of_order += 1
        verdict.note(f"{number}: an answer before the first message")
    if name_of(number) not in got[firsts[0]].body:
        verdict.wrong_number += 1
        verdict.note(f"{number}: the first message was made for somebody else")


def _judge_answers(verdict: Verdict, number: str, wrote: list[Written], got: list[Sent]) -> None:
    by_text = {message.text: message for message in wrote}
    answers = [(text, message.at) for message in got for text in _texts(message)]
    counts = Counter(text for text, _ in answers)
    for text, at in reversed(answers):
        if text in by_text:
            verdict.latencies[text] = at - by_text[text].begun
    for text, count in counts.items():
        _judge_count(verdict, number, text, count, known=text in by_text)
    lost = [message for message in wrote if message.acked is not None and not counts[message.text]]
    verdict.lost += len(lost)
    for message in lost:
        verdict.note(
            f"{number}: {message.text} ({message.sid}, acknowledged at {message.acked:.3f}) "
            "was never answered"
        )
    once = list(dict.fromkeys(text for text, _ in answers if text in by_text))
    for text in out_of_order([by_text[text] for text in once]):
        verdict.out_of_order += 1
        verdict.note(f"{number}: {text} was answered after a later message")


def _judge_count(verdict: Verdict, number: str, text: str, count: int, *, known: bool) -> None:
    if not known:
        verdict.wrong_number += count
        verdict.note(f"{number}: got the answer to {text!r}, which it never wrote")
    elif count > 1:
        verdict.doubled += count - 1
        verdict.note(f"{number}: {text} was answered {count} times")


def quantile(values: Sequence[float], share: float) -> float:
    """Return a value that a share of all values does not exceed; 0 if there are none."""
    return sorted(values)[round((len(values) - 1) * share)] if values else 0.0


def at_shares(values: Sequence[float], *shares: float) -> list[float]:
    """Return the quantiles for some shares; nothing if there are no values."""
    return [quantile(values, share) for share in shares] if values else []


def told(quantiles: Sequence[float]) -> str:
    """Format times in seconds as the tables show them."""
    return " / ".join(f"{each:.1f}" for each in quantiles)


def answered_since(
    begun: float, ended: float, written: Iterable[Written], latencies: Mapping[str, float]
) -> Iterator[float]:
    """Yield how long after an outage's end each message written in it was answered; 0 if within it."""
    for message in written:
        if begun <= message.begun <= ended and message.text in latencies:
            yield max(0.0, message.begun + latencies[message.text] - ended)


def beyond_the_rate(
    waited: Iterable[float], ended: float, sent_at: list[float], per_second: float
) -> Iterator[float]:
    """Yield how much longer each waited than earlier sends take at the sender's rate. `sent_at`: sorted."""
    first = bisect_right(sent_at, ended)
    for since in waited:
        ahead = bisect_left(sent_at, ended + since) - first
        yield max(0.0, since - ahead / per_second)


def out_of_order(answered: list[Written]) -> list[str]:
    """Return the texts answered after one that arrived when they were already acknowledged."""
    late: list[str] = []
    newest_begun = float("-inf")
    for message in answered:
        if message.acked is not None and message.acked < newest_begun:
            late.append(message.text)
        newest_begun = max(newest_begun, message.begun)
    return late


def _judge_asked(verdict: Verdict, asked: Iterable[Asked]) -> None:
    counts: Counter[str] = Counter()
    overlapping: dict[str, Asked] = {}
    for question in asked:
        counts.update(set(question.text.split("\n")))
        if question.at_once > 1:
            overlapping.setdefault(question.number, question)
    verdict.asked_again = sum(count - 1 for count in counts.values())
    verdict.overlapping = len(overlapping)
    for number, question in overlapping.items():
        at = datetime.fromtimestamp(question.at, UTC).time()
        verdict.note(
            f"{number}: the agent was asked {question.at_once} times at once, "
            f"at {at.isoformat('milliseconds')}"
        )


def _texts(message: Sent) -> list[str]:
    return message.body.removeprefix(ECHO).split("\n") if message.body.startswith(ECHO) else []
