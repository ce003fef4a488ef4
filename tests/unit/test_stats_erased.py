"""An erased number leaves the statistics: the table, the sums, and by a tombstone the changelog."""

import asyncio
from datetime import UTC
from types import SimpleNamespace
from typing import Any

from schemas.documents import now
from schemas.events import ConversationEvent
from streams.stats.live import LiveRecords, partition_of

PHONE = "+573138539155"
_PARTITIONS = 8


class Table:
    """Faust's table, as far as it is used."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.log: list[tuple[str, Any]] = []
        self.changelog_topic = SimpleNamespace(get_topic_name=lambda: "changelog")

    def send_changelog(self, partition: int, key: str, value: Any) -> "asyncio.Future[Any]":  # noqa: ANN401
        self.log.append((key, value))
        delivered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        delivered.set_result(None)
        return delivered


def event(number: int, kind: str) -> Any:  # noqa: ANN401
    told = ConversationEvent.from_object({
        "event_id": f"1:{number}", "number": number, "conversation_id": 1, "phone_number": PHONE, "type": kind,
        "at": now(), "data": {},
    })  # fmt: skip
    message = SimpleNamespace(
        partition=partition_of(PHONE, _PARTITIONS), offset=number, value=told.to_json(), key=PHONE.encode()
    )
    return SimpleNamespace(message=message, ack=lambda: None)


async def test_an_erased_number_is_forgotten_and_a_repetition_changes_nothing() -> None:
    table = Table()
    app = SimpleNamespace(rebalancing_count=0, rebalancing=False, assignor=SimpleNamespace(assigned_actives=lambda: set()))
    live = LiveRecords(app, table, _PARTITIONS, UTC)
    await live.assigned(set())
    day = now().date().isoformat()
    live.sums(day)  # summed anew: from here on kept while records change
    live.take(event(1, "started"))
    live.take(event(2, "received"))
    assert (live.sums(day)["active"], live.sums(day)["started"], live.sums(day)["received"]) == (1, 1, 1)
    for _ in range(2):
        live.take(event(3, "erased"))
    assert live.find(PHONE) is None
    assert (live.sums(day)["active"], live.sums(day)["started"], live.sums(day)["received"]) == (0, 0, 0)
    assert table.log[-1] == (PHONE, None)
    assert [value is None for _, value in table.log] == [False, False, True, True]
