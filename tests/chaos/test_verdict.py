"""The judge itself: whatever it must notice, it notices."""

import pytest

from tests.chaos.calls import name_of
from tests.chaos.clients import Written
from tests.chaos.vendors import Asked, Sent
from tests.chaos.verdict import Verdict, answered_since, beyond_the_rate, judge

NUMBER = "+573100000001"
OTHER = "+573100000002"
FIRST = f"¡Hola {name_of(NUMBER)}!"


def wrote(text: str, begun: float, acked: float | None) -> Written:
    return Written(NUMBER, text, f"SM{text}", begun, acked)


def sent(*bodies: str, number: str = NUMBER) -> list[Sent]:
    return [Sent(number, body, 100.0 + place, f"SMout{place}") for place, body in enumerate(bodies)]


def verdict_of(
    sent_messages: list[Sent], written: list[Written], asked: list[Asked] | None = None
) -> Verdict:
    return judge([NUMBER], written, sent_messages, asked or [])


ONE, TWO = wrote("uno", 1.0, 2.0), wrote("dos", 3.0, 4.0)


def test_all_answered_in_order_is_good() -> None:
    verdict = verdict_of(sent(FIRST, "Eco: uno\ndos"), [ONE, TWO])
    assert verdict.good
    assert verdict.latencies == {"uno": 100.0, "dos": 98.0}


@pytest.mark.parametrize(
    ("bodies", "what"),
    [
        ([FIRST, "Eco: uno"], "lost"),
        (["Eco: uno", "Eco: dos"], "lost"),  # the first message
        ([FIRST, "Eco: uno", "Eco: uno\ndos"], "doubled"),
        ([FIRST, FIRST, "Eco: uno\ndos"], "doubled"),
        ([FIRST, "Eco: dos", "Eco: uno"], "out_of_order"),
        ([FIRST, "Eco: dos\nuno"], "out_of_order"),
        (["Eco: uno\ndos", FIRST], "out_of_order"),
        ([FIRST, "Eco: uno\ndos", "Eco: tres"], "wrong_number"),
        (["¡Hola Otra!", "Eco: uno\ndos"], "wrong_number"),
    ],
)
def test_what_breaks_the_promise_is_counted(bodies: list[str], what: str) -> None:
    verdict = verdict_of(sent(*bodies), [ONE, TWO])
    counts = {
        name: getattr(verdict, name)
        for name in ("lost", "doubled", "out_of_order", "overlapping", "wrong_number")
    }
    assert {name for name, count in counts.items() if count} == {what}
    assert verdict.problems


def test_an_answer_in_parts_is_one() -> None:
    assert verdict_of(sent(FIRST, "Eco: uno", "dos"), [ONE, TWO]).good


def test_overlapping_messages_have_no_order() -> None:
    overlapping = wrote("dos", 1.5, 4.0)
    assert verdict_of(sent(FIRST, "Eco: dos", "Eco: uno"), [ONE, overlapping]).good


def test_what_was_never_acknowledged_is_not_lost() -> None:
    verdict = verdict_of(sent(FIRST, "Eco: uno"), [ONE, wrote("dos", 3.0, None)])
    assert verdict.good
    assert verdict.unacknowledged == 1


def test_an_answer_to_a_stranger_is_wrong() -> None:
    messages = sent(FIRST, "Eco: uno\ndos") + sent("Eco: uno", number=OTHER)
    assert verdict_of(messages, [ONE, TWO]).wrong_number == 1


def test_an_agent_asked_twice_at_once_overlaps() -> None:
    asked = [Asked(NUMBER, "uno", 1, 7.0), Asked(NUMBER, "uno", 2, 8.0)]
    verdict = verdict_of(sent(FIRST, "Eco: uno\ndos"), [ONE, TWO], asked)
    assert (verdict.overlapping, verdict.asked_again) == (1, 1)


def test_an_apology_stands_for_what_is_never_answered_and_only_for_that() -> None:
    apology = "Disculpa"
    good = judge([NUMBER], [ONE, TWO], sent(FIRST, "Eco: uno", apology), [], apology)
    assert good.good
    assert good.latencies.keys() == {"uno", "dos"}
    twice = judge([NUMBER], [ONE, TWO], sent(FIRST, "Eco: uno", apology, apology), [], apology)
    assert (twice.doubled, twice.lost) == (1, 0)
    late = judge([NUMBER], [ONE], sent(FIRST, "Eco: uno", apology), [], apology)
    assert (late.doubled, late.lost) == (1, 0)


def test_when_those_were_answered_who_wrote_in_an_outage() -> None:
    written = [
        wrote("before", 9.0, 9.1),
        wrote("in", 12.0, 12.1),
        wrote("at", 20.0, 20.1),
        wrote("lost", 15.0, 15.1),
    ]
    latencies = {"before": 1.0, "in": 10.5, "at": 0.5}
    assert list(answered_since(10.0, 20.0, written, latencies)) == [2.5, 0.5]


def test_what_the_senders_rate_allows_is_nobodys_delay() -> None:
    sent_at = [19.0, 20.5, 21.0, 21.5, 25.0]
    assert list(beyond_the_rate([0.5, 1.5, 5.0], 20.0, sent_at, per_second=2.0)) == [0.5, 0.5, 3.5]
