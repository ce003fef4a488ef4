"""The overview's lines on what blocks work: in the reader's language, with whether a restart helps."""

from decimal import Decimal
from typing import Any

import pytest

from db.readers.gateway import WorkFigures
from web.ops.language import translations
from web.ops.now import NO_RESTART, RESTART, STANDS_STILL, TEXTS, troubles
from web.work import problems
from web.workers import Views, late, standing

FAILURE = "KeyError (decide.py:7)"


def of(work: dict[str, Any], views: Views | None = None) -> list[tuple[str, str, str | None]]:
    return [(each.text, each.why, each.hint) for each in troubles(work, views or {})]


def test_nothing_is_known_before_the_first_look() -> None:
    assert of({}) == []


def test_a_partition_that_stands_still_is_named_with_the_failure_and_that_only_another_build_helps() -> None:
    line = f"partition 3 stands still: {FAILURE}"
    views: Views = {"a": {"standing": [line], "restart_helps": False}, "b": None}
    [found] = troubles({"problems": [line], "standing": [line]}, views)
    assert (found.text % found.values, found.why, found.hint) == (
        "partition 3 stands still",
        FAILURE,
        NO_RESTART,
    )
    assert found.stands


@pytest.mark.parametrize(
    ("views", "hint"),
    [
        ({"a": {"standing": ["nothing moves"], "restart_helps": True}}, RESTART),
        ({"a": {"standing": ["nothing moves"], "restart_helps": False}}, NO_RESTART),
        ({"a": {"standing": ["nothing moves"]}}, None),  # a former build's
        ({"a": {"standing": [], "restart_helps": True}, "b": None}, None),
    ],
)
def test_whether_a_new_start_helps_is_what_the_worker_says(views: Views, hint: str | None) -> None:
    assert of({"problems": ["nothing moves"], "standing": ["nothing moves"]}, views) == [
        ("nothing moves", "", hint)
    ]


def test_every_line_that_is_told_has_its_words_in_spanish() -> None:
    worst = WorkFigures(
        oldest_waiting=Decimal(10**6),
        oldest_spooled=None,
        spooled=1,
        last_ended=None,
        refused={"63016": 1, "401": 1},
    )
    queue = {"unread": 1, "dead_letters_last_hour": 1}
    retried = {"why": FAILURE, "tries": 9, "seconds": 60.0}
    views: Views = {
        "a": {
            "retried": [retried],
            "oldest": {"unpublished": 60.0},
            "unpublished": 1,
            "contradicted_addresses_last_hour": 1,
        },
        "b": None,
    }
    lines = [*standing({"a": None}), *standing(views), *late(views), *problems(worst, queue)]
    told = {each.text for each in troubles({"problems": lines, "standing": []}, views)}
    assert len(told) == len(lines)
    assert told <= set(TEXTS)
    spanish = translations("es")
    assert [text for text in (*TEXTS, RESTART, NO_RESTART) if spanish.gettext(text) == text] == []
    assert STANDS_STILL in TEXTS
