"""An erased number leaves the statistics: the table, the sums and, by a tombstone, the changelog."""

from collections.abc import Callable
from datetime import UTC
from types import SimpleNamespace
from typing import Any

from clients.kafka.producer import partition_of
from schemas.documents import now
from schemas.events import ConversationEvent
from streams.stats.counting import Counting
from streams.stats.live import Assignment, LiveRecords

PHONE = "+573138539155"
_PARTITIONS = 8


class Written:
    """What goes to the changelog; delivered at once."""

    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []

    def put(self, partition: int, key: str, record: Any, done: Callable[[], None]) -> None:  # noqa: ANN401
        self.log.append((key, record))
        done()

    def forget(self) -> None:
        """A new assignment."""


def event(number: int, kind: str) -> Any:  # noqa: ANN401
    told = ConversationEvent.from_object(
        {
            "event_id": f"1:{number}",
            "number": number,
            "conversation_id": 1,
            "phone_number": PHONE,
            "type": kind,
            "at": now(),
            "data": {},
        }
    )
    message = SimpleNamespace(
        partition=partition_of(PHONE, _PARTITIONS), offset=number, value=told.to_json(), key=PHONE.encode()
    )
    return SimpleNamespace(message=message, ack=lambda: None)


async def test_an_erased_number_is_forgotten_and_a_repetition_changes_nothing() -> None:
    app: Any = SimpleNamespace(rebalancing_count=0, rebalancing=False)
    app.assignor = SimpleNamespace(assigned_actives=lambda: set())
    app.tables = SimpleNamespace(actives_ready=True)
    written: Any = Written()
    live = LiveRecords(
        SimpleNamespace(data={}),
        written,
        Assignment(app, "changelog"),
        partitions=_PARTITIONS,
        zone=UTC,
        days_kept=8,
    )
    counting = Counting(live, written)
    await counting.assigned(set())
    day = now().date().isoformat()
    assert live.totals.of(day)["started"] == 0  # summed anew: from here on kept while records change
    await counting.take(event(1, "started"))
    await counting.take(event(2, "received"))
    assert (
        live.totals.of(day)["active"],
        live.totals.of(day)["started"],
        live.totals.of(day)["received"],
    ) == (1, 1, 1)
    for _ in range(2):
        await counting.take(event(3, "erased"))
    assert live.find(PHONE) is None
    assert (
        live.totals.of(day)["active"],
        live.totals.of(day)["started"],
        live.totals.of(day)["received"],
    ) == (0, 0, 0)
    assert written.log[-1] == (PHONE, None)
    assert [value is None for _, value in written.log] == [False, False, True]
