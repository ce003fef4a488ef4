"""The sender's standing: several people's limits hold first messages only, a refused account holds all."""

from datetime import UTC, datetime, timedelta

import pytest

from clients.pause import ACCOUNT
from clients.sender_standing import SenderStanding

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def standing(clock: Clock) -> SenderStanding:
    return SenderStanding("twilio", clock)


def limit(standing: SenderStanding, *numbers: str) -> None:
    for number in numbers:
        standing.limited(f"of {number}", frozenset({number}), "63018", by_report=True)


def test_one_persons_limit_is_not_the_senders(standing: SenderStanding) -> None:
    limit(standing, "+1", "+1", "+1", "+2")
    assert standing.takes_first_messages
    assert standing.held_until("x") is None


_BOTH = frozenset({"+1", "CO.1"})
_MOVED = frozenset({"+1", "+9"})


@pytest.mark.parametrize(
    "told",
    [
        (_BOTH, _MOVED, frozenset({"+9"})),
        (frozenset({"CO.1"}), frozenset({"+9"}), _BOTH | _MOVED),
        (frozenset({"CO.1"}), frozenset({"+1"}), _BOTH),
    ],
    ids=["as of one from the first", "linked at the last", "two that were one all along"],
)
def test_one_person_counts_once_by_all_addresses(
    standing: SenderStanding, told: tuple[frozenset[str], ...]
) -> None:
    for place, person in enumerate((*told, frozenset({"+2"}))):
        standing.limited(str(place), person, "63018", by_report=True)
    assert standing.takes_first_messages
    limit(standing, "+3")
    assert not standing.takes_first_messages


def test_one_who_was_reached_between_says_that_it_is_none(standing: SenderStanding) -> None:
    limit(standing, "+1", "+2")
    standing.went_through("y", is_first=True, by_report=True)
    limit(standing, "+3", "+4")
    assert standing.takes_first_messages


@pytest.mark.parametrize(("is_first", "by_report"), [(False, True), (True, False)])
def test_an_answer_or_a_mere_acceptance_says_nothing(
    standing: SenderStanding, is_first: bool, by_report: bool
) -> None:
    limit(standing, "+1", "+2")
    standing.went_through("y", is_first=is_first, by_report=by_report)
    limit(standing, "+3")
    assert not standing.takes_first_messages


def test_several_peoples_in_a_row_hold_first_messages_and_say_until_when(standing: SenderStanding) -> None:
    limit(standing, "+1", "+2", "+3")
    assert standing.held_until("x") == (AT + timedelta(minutes=1), "63018")
    assert standing.account.pause is None, "answers go on"
    [shown] = standing.shown()
    assert (shown["scope"], shown["code"], shown["until"]) == (
        "first_messages",
        "63018",
        "2026-03-02T15:01:00+00:00",
    )


def test_at_its_time_one_tries_and_ends_it_or_doubles_it(standing: SenderStanding, clock: Clock) -> None:
    limit(standing, "+1", "+2", "+3")
    clock.at = AT + timedelta(minutes=1)
    assert standing.held_until("x") is None, "it tries"
    assert standing.held_until("z") == (clock.at + timedelta(seconds=30), "63018"), (
        "nothing is written again and again"
    )
    standing.limited("x", frozenset({"+4"}), "63018", by_report=True)
    assert standing.held_until("z") == (AT + timedelta(minutes=2), "63018")
    clock.at = AT + timedelta(minutes=2)
    assert standing.held_until("z") is None
    standing.went_through("z", is_first=True, by_report=False)
    assert not standing.takes_first_messages, "it was only taken, not sent on"
    standing.went_through("z", is_first=True, by_report=True)
    assert standing.takes_first_messages
    assert standing.shown() == []


def test_a_refused_account_holds_first_messages_ever_longer(standing: SenderStanding, clock: Clock) -> None:
    standing.refused("x", "63112", by_report=True)
    assert standing.held_until("y") == (AT + timedelta(seconds=30), "63112")
    standing.account.pause = standing.account.pause and standing.account.pause.tried_by(
        "x", AT + timedelta(hours=1), ACCOUNT
    )
    clock.at = AT + timedelta(hours=1)
    assert standing.held_until("y") == (clock.at + timedelta(minutes=5), "63112")
    standing.went_through("x", is_first=False, by_report=True)
    assert standing.held_until("y") is None


def at_once(standing: SenderStanding, *numbers: str) -> None:
    """Twilio refuses the request itself, as where no reports come."""
    for number in numbers:
        standing.limited(f"of {number}", frozenset({number}), "63018", by_report=False)


def test_where_no_reports_come_whoever_is_taken_between_says_that_it_is_no_limit(
    standing: SenderStanding,
) -> None:
    at_once(standing, "+1", "+2")
    standing.went_through("y", is_first=True, by_report=False)
    at_once(standing, "+3", "+4")
    assert standing.takes_first_messages


def test_where_no_reports_come_an_acceptance_ends_the_pause(standing: SenderStanding, clock: Clock) -> None:
    at_once(standing, "+1", "+2", "+3")
    assert not standing.takes_first_messages
    clock.at = AT + timedelta(minutes=1)
    assert standing.held_until("x") is None, "it tries"
    standing.went_through("x", is_first=True, by_report=False)
    assert standing.takes_first_messages


def test_one_refused_by_a_report_among_them_is_ended_by_a_report(
    standing: SenderStanding, clock: Clock
) -> None:
    at_once(standing, "+1", "+2")
    limit(standing, "+3")
    clock.at = AT + timedelta(minutes=1)
    assert standing.held_until("x") is None
    standing.went_through("x", is_first=True, by_report=False)
    assert not standing.takes_first_messages
