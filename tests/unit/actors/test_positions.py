"""Where reading goes on from is this assignment's, whatever a former one does while it is being claimed."""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from schemas.errors import ConfigurationError
from schemas.topics import INBOUND_MESSAGE
from streams.actors.partitions import Partitions
from streams.engine.offsets import TopicPartition

_PLACE, _SOURCE = TP(INBOUND_MESSAGE, 0), TopicPartition(INBOUND_MESSAGE, 0)
_FORMER = 3


def partitions(meanwhile: Callable[[], None]) -> Partitions:
    """Partitions whose claim takes long enough for something else to happen."""
    hosting = SimpleNamespace(generation=_FORMER)
    hosting.revoke = lambda: None
    hosting.assign = lambda epochs: setattr(hosting, "generation", _FORMER + 1)

    async def claim(numbers: set[int]) -> dict[int, int]:
        meanwhile()
        return dict.fromkeys(numbers, 7)

    async def renew() -> None:
        """Have ids enough."""

    others = {
        "hosting": hosting,
        "ownership": SimpleNamespace(claim=claim, epochs={0: 7}),
        "publisher": SimpleNamespace(assigned=lambda claims: None),
        "ids": SimpleNamespace(renew=renew),
        "clock": SimpleNamespace(now=lambda: datetime(2026, 3, 2, tzinfo=UTC)),
    }
    nobody = cast(Any, None)
    return Partitions(nobody, "", **cast(Any, others), monotonic=time.monotonic)


async def test_what_a_former_assignment_hands_over_during_the_claim_is_no_position() -> None:
    made = partitions(lambda: made.handed_over(_SOURCE, 399, _FORMER))
    await made.assigned({_PLACE})
    assert made.positions_of(INBOUND_MESSAGE) == {}
    made.sought({_PLACE: 100})
    made.handed_over(_SOURCE, 399, _FORMER)
    assert made.positions_of(INBOUND_MESSAGE) == {0: 100}
    made.handed_over(_SOURCE, 100, _FORMER + 1)
    assert made.positions_of(INBOUND_MESSAGE) == {0: 101}


async def test_before_the_first_assignment_nothing_is_asked_of_a_consumer_that_has_not_started() -> None:
    def not_started() -> set[object]:
        raise RuntimeError("not started")

    made = partitions(lambda: None)
    made._consumer = lambda: cast(Any, SimpleNamespace(assignment=not_started))
    made._hosting.generation = 0  # type: ignore[misc]
    assert (made.assignment(), made.lag()) == ({}, {})


async def test_where_postgres_is_behind_the_log_nothing_is_taken_up_and_the_worker_ends() -> None:
    async def is_behind(claimed: Collection[int]) -> None:
        raise ConfigurationError(f"lacks events of {sorted(claimed)}")

    made, lost, taken = partitions(lambda: None), list[bool](), list[object]()
    made._check_log = is_behind
    made._ownership.lose = lambda: lost.append(True)  # type: ignore[method-assign]
    made._publisher.assigned = taken.append  # type: ignore[method-assign,assignment]
    await made.assigned({_PLACE})
    assert (lost, taken) == ([True], [{}])
    with pytest.raises(ConfigurationError, match="lacks events of"):
        await made.watch_log()
