"""A record that lacks what was just written is no difference; one that goes on lacking it is."""

from types import SimpleNamespace
from typing import Any, cast

from schemas.settings import load_settings
from streams.stats.check import Check, Comparison

NUMBER = "+573138539155"


class Tables:
    """Lacks the conversation."""

    async def records(self, partition: int) -> dict[str, Any]:
        return {}


class Rows:
    """Has it, and one event more at each look if told so."""

    def __init__(self, grows: bool) -> None:
        self._row = SimpleNamespace(id=1, phone_number=NUMBER, event_number=1, waiting=False)
        self._grows = grows

    async def keys(self, after: int) -> list[Any]:
        return [] if after else [self._row]

    async def records(self, ids: list[int]) -> list[Any]:
        self._row.event_number += self._grows
        return [self._row]


async def looks(grows: bool) -> list[Comparison]:
    unused = cast(Any, None)
    check = Check(load_settings({}), cast(Any, Tables()), cast(Any, Rows(grows)), unused, 0.0)
    return [await check._look(0, 1, on_their_way=False) for _ in range(3)]


async def test_what_is_lacking_once_is_looked_at_again_and_what_stays_lacking_is_a_difference() -> None:
    first, second, _ = await looks(grows=False)
    assert (first.pending, first.differences) == (1, [])
    assert (second.pending, [each.field for each in second.differences]) == (0, ["conversation"])


async def test_a_conversation_that_goes_on_differs_only_by_what_was_lacking_before() -> None:
    first, second, _ = await looks(grows=True)
    assert (first.pending, len(second.differences)) == (1, 1)
