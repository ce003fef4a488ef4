"""Committed offsets that the log does not have, and a log that ends before what was read of it."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from schemas.errors import LogShrank
from streams.actors.partitions import Partitions
from streams.engine.offsets import TopicPartition, out_of_range


@pytest.mark.parametrize(
    ("committed", "lost"),
    [(None, False), (0, False), (4, True), (5, False), (9, False), (10, False), (11, True)],
)
def test_an_offset_is_lost_outside_of_what_is_kept(committed: int | None, lost: bool) -> None:
    found = out_of_range({"p": committed}, {"p": 5}, {"p": 10})
    assert found == ({"p": (committed, 5, 10)} if lost else {})


def engine(end: int, *, tells_ends: bool = True) -> Partitions:
    async def highwaters(*partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, end)

    consumer = SimpleNamespace(
        assignment=lambda: {TP("inbound-message", 0)},
        highwaters=highwaters,
        tells_ends=tells_ends,
        read_up_to=lambda tp, done: done,
    )
    hosting = SimpleNamespace(unfinished=0)
    clock = SimpleNamespace(now=lambda: datetime.now(UTC))
    nobody = cast(Any, None)
    made = Partitions(
        lambda: consumer, "", cast(Any, hosting), nobody, nobody, nobody, cast(Any, clock), time.monotonic
    )
    made.sought({TP("inbound-message", 0): 7})
    return made


async def test_a_log_that_shrank_ends_the_worker() -> None:
    assert await engine(7).behind() == 0
    assert await engine(9).behind() == 2
    with pytest.raises(LogShrank, match="inbound-message/0"):
        await engine(6).behind()
    assert await engine(6, tells_ends=False).behind() == 0  # the embedded broker tells ends wrong at times


def test_what_is_lost_is_remembered_for_ready() -> None:
    made = engine(7)
    made.lost({TP("inbound-message", 0): (99, 0, 7)})
    assert made.lost_offsets == {
        TopicPartition("inbound-message", 0): "inbound-message/0: committed 99, kept 0 to 7"
    }
