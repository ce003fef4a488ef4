"""One rendering for all who ask for the same thing at the same moment."""

import asyncio

import pytest

from web.ops.shared import Shared


class Maker:
    """Counts how often it is asked; `gate` holds it up."""

    def __init__(self) -> None:
        self.made = 0
        self.gate = asyncio.Event()

    async def make(self) -> int:
        self.made += 1
        await self.gate.wait()
        return self.made


async def test_whoever_asks_meanwhile_gets_the_same() -> None:
    maker, shared = Maker(), Shared[int](60.0)
    asking = [asyncio.create_task(shared.get("a", maker.make)) for _ in range(50)]
    await asyncio.sleep(0)
    maker.gate.set()
    assert set(await asyncio.gather(*asking)) == {1}
    assert await shared.get("a", maker.make) == 1
    assert await shared.get("b", maker.make) == 2


async def test_what_is_too_old_is_made_again() -> None:
    maker, shared = Maker(), Shared[int](-1.0)
    maker.gate.set()
    assert await shared.get("a", maker.make) == 1
    assert await shared.get("a", maker.make) == 2


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    maker, shared = Maker(), Shared[int](60.0)
    first, second = (asyncio.create_task(shared.get("a", maker.make)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    maker.gate.set()
    assert await second == 1


async def test_a_failure_is_told_to_all_and_not_kept() -> None:
    shared = Shared[int](60.0)
    calls = 0

    async def make() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        if calls == 1:
            raise ValueError("away")
        return calls

    asking = [asyncio.create_task(shared.get("a", make)) for _ in range(2)]
    assert [type(found) for found in await asyncio.gather(*asking, return_exceptions=True)] == [
        ValueError,
        ValueError,
    ]
    assert await shared.get("a", make) == 2
    with pytest.raises(ZeroDivisionError):
        await shared.get("c", _breaks)


async def _breaks() -> int:
    return 1 // 0
