"""On uvloop, whose zero-delay timers do not tell when they fire."""

import asyncio

import uvloop

from mailboxes.group_commit import GroupCommit


def test_items_that_come_one_after_the_other_share_a_group() -> None:
    async def run() -> list[int]:
        groups: list[int] = []

        async def append(items: list[int]) -> list[int]:
            groups.append(len(items))
            return items

        group = GroupCommit(append, max_group=10)
        assert await asyncio.gather(*(group.submit(item) for item in range(5))) == list(range(5))
        return groups

    assert uvloop.run(run()) == [5]
