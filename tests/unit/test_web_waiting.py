"""Those who wait for an event's end are asked for, and told, in order of arrival: a set has no such order."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from web.waiting import Waiting

# Enough that no set happens to have them in this order.
_IDS = [f"event-{number}" for number in range(40)]


@dataclass(frozen=True)
class Row:
    event_id: str
    is_final: bool = True


async def test_all_who_wait_are_told_in_the_order_in_which_they_came() -> None:
    asked: list[str] = []
    told: list[tuple[str, int]] = []

    async def rows(query: object, event_ids: list[str]) -> list[Row]:
        asked.extend(event_ids)
        return [Row(event_id) for event_id in event_ids]

    database: Any = SimpleNamespace(quick_rows=rows)
    query: Any = None
    waiting: Waiting[Row, Row] = Waiting(database, query, lambda row: row)

    async def wait(event_id: str, place: int) -> None:
        await waiting.wait(event_id, seconds=60)
        told.append((event_id, place))

    tasks = [asyncio.create_task(wait(event_id, place)) for event_id in _IDS for place in (1, 2)]
    watching = asyncio.create_task(waiting.watch())
    await asyncio.gather(*tasks)
    watching.cancel()
    assert asked == _IDS
    assert told == [(event_id, place) for event_id in _IDS for place in (1, 2)]
