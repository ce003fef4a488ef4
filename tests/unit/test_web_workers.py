"""The overview's figures of all workers, combined from what each tells."""

from typing import Any

import pytest

from web.workers import SILENT_SECONDS, LastSeen, Views, late, standing, told, unfinished

ONE = {
    "lag": {"inbound-message-0": 3, "inbound-message-1": 0, "call-completed-0": 0},
    "partitions": {"call-completed-0": {"unfinished": 2, "oldest_offset": 7, "oldest_seconds": 4.5}},
    "paused": ["twilio"],
}
TWO = {"lag": {"inbound-message-2": 0}, "partitions": {}, "paused": ["twilio", "elevenlabs"]}


def test_partitions_with_something_to_do_are_rows_of_their_own() -> None:
    rows = told({"a": ONE, "b": TWO}).lag
    assert [(row["name"], row["lag"], row["unfinished"], row["oldest_seconds"]) for row in rows] == [
        ("call-completed-0", 0, 2, 4.5),
        ("inbound-message-0", 3, 0, None),
    ]


def test_a_vendor_that_several_pause_is_named_once() -> None:
    assert told({"a": ONE, "b": TWO}).pauses == ["twilio", "elevenlabs"]


def test_who_does_not_answer_is_named_and_hides_nobody() -> None:
    found = told({"a": None, "b": TWO})
    assert (found.unreachable, found.pauses) == (["a"], ["twilio", "elevenlabs"])


FAILURE = "ZeroDivisionError (replying.py:21)"


def retried(seconds: float, why: str = FAILURE) -> dict[str, object]:
    return {"why": why, "tries": 3, "seconds": seconds}


@pytest.mark.parametrize(
    ("views", "lines"),
    [
        ({}, []),  # nobody is looked for
        ({"a": {}}, []),
        ({"a": None}, ["no worker answers"]),
        ({"a": None, "b": None}, ["no worker answers"]),
        ({"a": None, "b": {}}, ["a worker does not answer"]),
        ({"a": {"standing": ["x", "y"]}, "b": {"standing": ["y"]}}, ["x", "y"]),
        ({"a": None, "b": {"standing": ["x"]}}, ["a worker does not answer", "x"]),
    ],
)
def test_what_keeps_work_from_going_on(views: Views, lines: list[str]) -> None:
    assert standing(views) == lines


@pytest.mark.parametrize(
    ("view", "lines"),
    [
        ({}, []),
        ({"retried": [retried(3.0)], "oldest": {"unpublished": 3.0}}, []),
        ({"retried": [retried(9.0), retried(40.0)]}, [f"tried again and again: {FAILURE}"]),
        ({"oldest": {"unpublished": 16.0}}, ["events wait to be published"]),
        ({"oldest": {"unpublished": None, "effect": 100.0}}, []),  # an agent may think for long
    ],
)
def test_what_takes_longer_than_it_should(view: dict[str, Any], lines: list[str]) -> None:
    assert late({"a": view}) == lines


def test_all_that_is_under_way_on_any_worker() -> None:
    one = {
        "behind": 3,
        "unpublished": 2,
        "oldest": {"record": 1.0, "effect": None},
        "retried": [retried(2.0)],
        "contradicted_addresses_last_hour": 1,
    }
    two = {
        "behind": 4,
        "unpublished": 0,
        "oldest": {"record": 5.0, "effect": None},
        "retried": [retried(9.0)],
    }
    assert unfinished({"a": one, "b": two, "c": None}) == {
        "answering": 2,
        "silent": 1,
        "behind": 7,
        "unpublished": 2,
        "oldest": {"record": 5.0, "effect": None},
        "retried": [retried(9.0), retried(2.0)],
        "contradicted_addresses_last_hour": 1,
    }


def test_a_worker_is_silent_when_it_has_missed_several_looks_and_one_that_never_answered_too() -> None:
    seen = LastSeen()
    seen.note({"a": {"behind": 1}, "b": None}, 100.0)
    assert seen.views == {"a": {"behind": 1}, "b": {}}
    seen.note({"a": None, "b": None}, 100.0 + SILENT_SECONDS / 2)
    assert seen.views == {"a": {"behind": 1}, "b": {}}
    seen.note({"a": None, "b": None}, 100.0 + SILENT_SECONDS)
    assert seen.views == {"a": None, "b": None}
    seen.note({"a": {"behind": 0}, "b": None}, 200.0)
    assert seen.views == {"a": {"behind": 0}, "b": None}


def test_a_worker_that_is_no_longer_looked_for_is_gone_and_not_silent() -> None:
    seen = LastSeen()
    seen.note({"http://10.0.0.1": {"behind": 1}, "http://10.0.0.2": {"behind": 1}}, 100.0)
    seen.note({"http://10.0.0.1": {"behind": 1}, "http://10.0.0.3": {"behind": 0}}, 100.0 + SILENT_SECONDS)
    assert seen.views == {"http://10.0.0.1": {"behind": 1}, "http://10.0.0.3": {"behind": 0}}
    assert standing(seen.views) == []
