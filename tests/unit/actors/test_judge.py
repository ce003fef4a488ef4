"""Whose fault a failure is: a moment's, a number's, the build's, or that of whoever is away."""

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from db.store.ids import NoIdsLeft
from schemas.errors import Fenced, RetryableError, Unavailable, UnknownOutcome
from streams.actors.judge import (
    LEAST_TRIES,
    MANY_NUMBERS,
    WAITS,
    WITHIN_SECONDS,
    Judge,
    Sentence,
    failure_of,
    is_away,
)
from streams.actors.store import CannotBeWritten

RETRY, BURY, STOP = Sentence.RETRY, Sentence.BURY, Sentence.STOP
AWAY = [
    ConnectionRefusedError(),
    TimeoutError(),
    asyncpg.CannotConnectNowError(),
    asyncpg.DeadlockDetectedError(),
    asyncpg.DiskFullError(),
    KafkaConnectionError(),
    KafkaTimeoutError(),
    RetryableError("twilio", "HTTP 503"),
    UnknownOutcome("twilio", "cut off"),
    Unavailable(),
    Fenced(),
    NoIdsLeft(),
]
OWN = [
    KeyError("x"),
    ValueError(),
    AssertionError(),
    RecursionError(),
    OverflowError(),
    CannotBeWritten("22003"),
    asyncpg.NumericValueOutOfRangeError(),
    asyncpg.UndefinedColumnError(),
]


def sentences(*failures: tuple[float, str, Exception]) -> list[Sentence]:
    """When, whom, what. Another number comes through all the while."""
    judge, found = Judge(), []
    for at, number, error in failures:
        found.append(judge.rule(number, error, 1, at).sentence)
        judge.came_through("+another", None, at + 0.5)
    return found


def numbers(count: int, *, each: float = 0.0) -> list[tuple[float, str, Exception]]:
    return [(each * place, f"+57{place}", KeyError("x")) for place in range(count)]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_who_is_away_buries_nobody_however_often_and_whomever_it_meets(error: Exception) -> None:
    judge = Judge()
    assert is_away(error)
    for attempt in range(1, 200):
        ruling = judge.rule(f"+57{attempt % 40}", error, attempt, float(attempt))
        assert (ruling.sentence, 0 < ruling.wait <= 3) == (RETRY, True)


def held(judge: Judge, error: Exception, number: str = "+57", at: float = 0.0) -> tuple[list[float], int]:
    """Fail until it is a dead letter; return each wait, and how often it has failed lately."""
    waits = []
    while (ruling := judge.rule(number, error, 1, at)).sentence is RETRY:
        waits.append(ruling.wait)
        at += ruling.wait
        judge.came_through("+another", "report", at)
    assert ruling.sentence is BURY
    return waits, ruling.tries


@pytest.mark.parametrize("error", OWN, ids=lambda error: type(error).__name__)
def test_what_others_do_not_fail_on_has_its_tries_within_a_minute_and_is_a_dead_letter(
    error: Exception,
) -> None:
    judge, at, waits = Judge(), 0.0, []
    while (ruling := judge.rule("+57", error, 1, at, "message")).sentence is RETRY:
        waits.append(ruling.wait)
        at += ruling.wait
        judge.came_through("+another", "message", at)
    assert (ruling.sentence, ruling.tries) == (BURY, len(WAITS) + 1)
    assert (waits, at) == ([1, 2, 4, 8, 15, 30], 60)


@pytest.mark.parametrize("error", OWN, ids=lambda error: type(error).__name__)
def test_what_may_be_the_builds_fault_is_held_back_until_many_would_have_shown_it(error: Exception) -> None:
    """Nobody else came through with the like of it; that others' reports go well says nothing of messages."""
    waits, tries = held(Judge(), error)
    assert (waits[:7], set(waits[6:])) == ([1, 2, 4, 8, 15, 30, 30], {30})
    assert (sum(waits), tries > len(WAITS)) == (WITHIN_SECONDS, True)


def test_where_others_are_about_to_wait_for_it_a_few_tries_are_enough_but_many_numbers_still_stop() -> None:
    judge = Judge()
    rulings = [
        judge.rule("+57", KeyError(), 1, float(at), is_pressed=True).sentence for at in range(LEAST_TRIES)
    ]
    assert rulings == [RETRY] * (LEAST_TRIES - 1) + [BURY]
    others = [
        judge.rule(f"+58{n}", KeyError(), 1, 9.0, is_pressed=True).sentence for n in range(MANY_NUMBERS - 1)
    ]
    assert others == [RETRY] * (MANY_NUMBERS - 2) + [STOP]


def test_where_a_second_number_meets_it_both_are_held_back() -> None:
    judge = Judge()
    judge.rule("+58", KeyError(), 1, 0.0, "message")
    judge.came_through("+another", "message", 1.0)
    assert sum(held(judge, KeyError(), at=2.0)[0]) == WITHIN_SECONDS


def test_a_quiet_system_whose_build_fails_makes_no_letter_before_it_stands_still() -> None:
    """A number a minute: the first one would have had its tries long before the tenth comes."""
    judge, due, met, stopped = Judge(), dict[str, float](), [], 0.0
    for second in range(int(WITHIN_SECONDS)):
        if second % 60 == 0:
            met.append(f"+57{second}")
            due[met[-1]] = second
        for number in [each for each in met if due[each] <= second]:
            ruling = judge.rule(number, KeyError(), 1, float(second), "message")
            assert ruling.sentence is not BURY
            due[number] = second + ruling.wait
            stopped = stopped or (second if ruling.sentence is STOP else 0.0)
    assert (stopped, len(met)) == (60.0 * (MANY_NUMBERS - 1), MANY_NUMBERS)


@pytest.mark.parametrize(
    ("failures", "last"),
    [
        (numbers(MANY_NUMBERS - 1), RETRY),
        (numbers(MANY_NUMBERS), STOP),
        (numbers(MANY_NUMBERS + 5), STOP),
        (numbers(MANY_NUMBERS, each=WITHIN_SECONDS / MANY_NUMBERS), STOP),
        (numbers(MANY_NUMBERS, each=WITHIN_SECONDS / (MANY_NUMBERS - 1)), RETRY),  # the first is too long ago
        ([*numbers(MANY_NUMBERS - 1), (1.0, "+57x", ValueError())], RETRY),  # another failure
        ([*numbers(MANY_NUMBERS - 1), (1.0, "+570", KeyError("y"))], RETRY),  # one of them again
        ([(at, "+57", KeyError()) for at in range(6)], RETRY),
        ([(at, "+57", KeyError()) for at in range(7)], BURY),
        ([(at, "+57", KeyError()) for at in range(9)], BURY),  # what comes after it has had its tries
        ([*((at, "+57", KeyError()) for at in range(7)), (WITHIN_SECONDS + 7, "+57", KeyError())], RETRY),
        ([*((at, "+57", KeyError()) for at in range(7)), (8, "+57", ValueError())], RETRY),
    ],
)
def test_many_numbers_are_the_builds_fault_and_a_number_is_its_own(
    failures: list[tuple[float, str, Exception]], last: Sentence
) -> None:
    assert sentences(*failures)[-1] is last


def test_a_failure_that_meets_all_buries_nothing() -> None:
    """Whatever a build fails on, it meets more numbers than many before the first has had its tries."""
    judge = Judge()
    found = {judge.rule(f"+57{place % 30}", KeyError(), 1, place / 10).sentence for place in range(600)}
    assert found == {RETRY, STOP}


def raised(number: int) -> Exception:
    try:
        if number:
            raise KeyError("+573138539155")
        raise KeyError("the same type elsewhere")
    except KeyError as error:
        return error


def test_the_same_failure_is_of_one_type_and_of_one_line_whatever_it_says() -> None:
    assert failure_of(raised(1)) == failure_of(raised(2)) != failure_of(raised(0))
    assert failure_of(raised(1)).startswith("KeyError (test_judge.py:")
    assert failure_of(KeyError("+573138539155")) == "KeyError"


# One number more often than the others, so that it has its tries.
_whose = st.sampled_from([0] * 12 + list(range(16)))
failing = st.lists(
    st.tuples(st.floats(0, 90), _whose, st.sampled_from([*OWN[:3], AWAY[0], None, None])), max_size=80
)


@given(failing)
def test_nobody_is_buried_before_its_tries_or_where_it_may_be_the_builds_fault(
    failures: list[tuple[float, int, Exception | None]],
) -> None:
    """None: a number comes through."""
    judge, now, through = Judge(), 0.0, dict[int, float]()
    tries, first, met = dict[tuple[str, int], int](), dict[tuple[str, int], float](), dict[str, set[int]]()
    for passed, number, error in failures:
        now += passed
        if error is None:
            judge.came_through(str(number), "message", now)
            through[number] = now
            continue
        ruling, what = judge.rule(str(number), error, 1, now, "message"), type(error).__name__
        if not is_away(error):
            tries[what, number] = tries.get((what, number), 0) + 1
            met.setdefault(what, set()).add(number)
            first.setdefault((what, number), now)
        if ruling.sentence is BURY:
            assert tries[what, number] > len(WAITS)
            others = [at for other, at in through.items() if other != number]
            assert now - first[what, number] >= WITHIN_SECONDS or max(others) > first[what, number]
        if ruling.sentence is STOP:
            assert len(met[what]) >= MANY_NUMBERS
        assert not (is_away(error) and ruling.sentence is not RETRY)
