"""When somebody should look."""

from typing import Any, cast

import pytest

from db.readers.gateway import WorkFigures
from web.work import Work, problems
from web.workers import unfinished

IDLE: dict[str, Any] = {
    "spooled": 0,
    "oldest_waiting": None,
    "oldest_spooled": None,
    "last_ended": 4000.0,
    "refused": {},
}
QUEUE = {"unread": 0, "active": 0, "waiting": 9, "dead_letters_last_hour": 0}


@pytest.mark.parametrize(
    ("found", "queue", "wanted"),
    [
        ({}, QUEUE, []),
        ({}, None, []),
        ({}, QUEUE | {"unread": 3}, ["events wait and no turn ends"]),
        ({"last_ended": 1.0}, QUEUE | {"unread": 3}, []),
        ({"last_ended": None}, QUEUE | {"active": 1}, ["events wait and no turn ends"]),
        ({"oldest_waiting": 301.0}, QUEUE, ["a message has waited for more than five minutes"]),
        ({"spooled": 1}, QUEUE, ["events wait in Postgres for Kafka"]),
        ({}, QUEUE | {"dead_letters_last_hour": 2}, ["events became dead letters within the last hour"]),
        ({"refused": {"63016": 1}}, QUEUE, ["Twilio refuses a template, or a text outside its window"]),
        ({"refused": {"20003": 1, "21211": 1}}, QUEUE, ["a vendor refuses our credentials"]),
        ({"refused": {"21211": 7}}, QUEUE, []),
    ],
)
def test_what_is_told(found: dict[str, Any], queue: dict[str, int] | None, wanted: list[str]) -> None:
    assert problems(WorkFigures(**(IDLE | found)), queue) == wanted


def work(views: dict[str, Any]) -> Work:
    return Work(cast(Any, None), cast(Any, None), lambda: views)


def test_what_the_workers_tell_comes_first_and_is_there_before_the_first_look() -> None:
    seen = work({"a": None})
    assert seen.now() == {
        "stuck": True,
        "problems": ["no worker answers"],
        "standing": ["no worker answers"],
        "refused": [],
        "workers": unfinished({"a": None}),
    }
    seen.found = {"problems": ["events wait in Postgres for Kafka"], "spooled": 1}
    assert seen.now()["problems"] == ["no worker answers", "events wait in Postgres for Kafka"]
    assert seen.now()["spooled"] == 1


def test_nothing_is_wrong_where_all_is_well() -> None:
    found = work({"a": {}}).now()
    assert (found["stuck"], found["problems"], found["standing"]) == (False, [], [])
