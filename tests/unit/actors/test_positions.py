"""Where reading goes on from is this assignment's, whatever a former one does while it is being claimed."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP

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
