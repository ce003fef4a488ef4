"""What `doctor` says of settings that lose data silently."""

import math

import pytest

from streams.engine.durability import Topic, risks


def topic(**over: object) -> Topic:
    return Topic(
        **{"name": "t", "replicas": 3, "in_sync": 2, "unclean": False, "retention_hours": 336.0, **over}
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("over", "remembered", "said"),
    [
        ({}, 336.0, []),
        ({"replicas": 1}, 336.0, ["t: 1 replica(s)"]),
        ({"in_sync": 1}, 336.0, ["t: min.insync.replicas=1"]),
        ({"unclean": True}, 336.0, ["t: unclean.leader.election.enable=true"]),
        ({"retention_hours": 337.0}, 336.0, ["t: kept 337 h"]),
        ({"retention_hours": None}, 336.0, ["t: kept without end"]),
        ({"retention_hours": None}, math.inf, []),
    ],
)
def test_risks(over: dict[str, object], remembered: float, said: list[str]) -> None:
    found = risks([topic(**over)], remembered_hours=remembered)
    assert [what for what, _ in found] == said
    assert all(advice for _, advice in found)
