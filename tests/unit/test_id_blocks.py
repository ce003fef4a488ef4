"""A conversation's ids grow with time: what was reserved before a claim is not used after it."""

import asyncio
from collections.abc import Iterator
from typing import Any

from db.store.ids import IdBlock


class _Pool:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self._first = 1
        self.asked: list[asyncio.Future[None]] = []

    def is_closing(self) -> bool:
        return False

    async def fetch(self, _text: str, _name: str, count: int) -> list[tuple[int]]:
        first, self._first = self._first, self._first + count
        self.asked.append(asyncio.get_running_loop().create_future())
        await self.asked[-1]
        return [(each,) for each in range(first, first + count)]

    async def answers(self) -> None:
        """Let what is being asked be answered, once it is asked."""
        await asyncio.sleep(0)
        for each in self.asked:
            if not each.done():
                each.set_result(None)
        await asyncio.sleep(0)


def _taken(block: IdBlock) -> Iterator[int]:
    while len(block):
        yield block.take()


async def test_a_block_that_was_being_reserved_at_a_claim_is_not_used_after_it() -> None:
    pool: Any = _Pool()
    block = IdBlock(pool, "a", 3)
    refill = asyncio.create_task(block.fill())
    await asyncio.sleep(0)
    block.drop()  # another owner reserves and uses higher ones before the answer comes
    renewal = asyncio.create_task(block.fill())
    while not renewal.done():
        await pool.answers()
    await refill
    assert list(_taken(block)) == [4, 5, 6]


async def test_two_who_fill_do_not_mix_their_blocks() -> None:
    pool: Any = _Pool()
    block = IdBlock(pool, "a", 2)
    fills = [asyncio.create_task(block.fill(4)) for _ in range(2)]
    while not all(each.done() for each in fills):
        await pool.answers()
    assert list(_taken(block)) == [1, 2, 3, 4]
