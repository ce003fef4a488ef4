"""A pause of an account or a sender, as a table: who tries when, and what ends it."""

from datetime import UTC, datetime, timedelta

import pytest

from clients.pause import ACCOUNT, FIRST_MESSAGES, Pause, Schedule

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def begun(schedule: Schedule = ACCOUNT, *, by_report: bool = True) -> Pause:
    return Pause.begun("63112", AT, schedule, by_report=by_report)


@pytest.mark.parametrize(
    ("schedule", "age", "wait"),
    [
        (ACCOUNT, 0, 5),
        (ACCOUNT, 15, 5),
        (ACCOUNT, 300, 30),
        (ACCOUNT, 86_400, 60),
        (FIRST_MESSAGES, 0, 60),
        (FIRST_MESSAGES, 600, 600),
        (FIRST_MESSAGES, 86_400, 3600),
    ],
)
def test_the_longer_it_lasts_the_rarer_it_is_tried(schedule: Schedule, age: float, wait: float) -> None:
    assert schedule.wait(seconds(age)) == seconds(wait)


def test_nobody_tries_before_its_time_and_then_one_until_it_is_known() -> None:
    pause = begun()
    assert not pause.may_try(AT + seconds(4.9))
    assert pause.may_try(AT + seconds(5))
    tried = pause.tried_by("a", AT + seconds(5), ACCOUNT)
    assert not tried.may_try(AT + seconds(14))
    assert tried.may_try(AT + seconds(15)), "nothing was heard of it: another one tries"


def test_what_was_under_way_when_it_began_changes_nothing() -> None:
    pause = begun().tried_by("a", AT + seconds(5), ACCOUNT)
    assert pause.refused_again("b", "63112", AT + seconds(6), ACCOUNT, by_report=True) == pause
    assert not pause.is_ended_by("b", by_report=True)


def test_a_try_that_is_refused_puts_the_next_one_off_and_tells_the_newest_code() -> None:
    pause = begun().tried_by("a", AT + seconds(200), ACCOUNT)
    again = pause.refused_again("a", "20003", AT + seconds(200), ACCOUNT, by_report=False)
    assert (again.code, again.since, again.until, again.by_report) == ("20003", AT, AT + seconds(220), False)


@pytest.mark.parametrize(
    ("learnt_by_report", "told_by_report", "ended"),
    [(False, False, True), (False, True, True), (True, True, True), (True, False, False)],
)
def test_what_was_learnt_by_a_report_ends_by_one(
    learnt_by_report: bool, told_by_report: bool, ended: bool
) -> None:
    pause = begun(by_report=learnt_by_report).tried_by("a", AT + seconds(5), ACCOUNT)
    assert pause.is_ended_by("a", by_report=told_by_report) == ended


def test_one_that_tried_earlier_may_still_end_it() -> None:
    pause = begun()
    for number in range(8):
        pause = pause.tried_by(str(number), AT, ACCOUNT)
    assert pause.is_ended_by("0", by_report=True)
    assert not pause.tried_by("8", AT, ACCOUNT).is_ended_by("0", by_report=True)
