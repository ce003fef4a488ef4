"""Ownership is proven as of a decision: a partition that left and came back had another owner since."""

import asyncio
from typing import Any

import pytest

from schemas.errors import Fenced
from streams.actors.ownership import Ownership

KEY = "+573138539155"


class Postgres:
    """One partition. `epoch`: its newest; `answers`: set while it answers what it is asked."""

    def __init__(self) -> None:
        self.epoch = 0
        self.answers = asyncio.Event()
        self.answers.set()

    def is_closing(self) -> bool:
        return False

    async def fetch(
        self,
        query: str,
        partitions: list[int],
        *of: Any,  # noqa: ANN401
    ) -> list[dict[str, int]]:
        if "conversation_publication" in query:
            return [{"partition": 0, "published": 0, "sequence": 0}]
        if "ON CONFLICT" in query:
            self.epoch += 1
            return [{"partition": 0, "epoch": self.epoch}]
        await self.answers.wait()
        return [{"partition": 0}] if of[0] == [self.epoch] else []


async def owned(postgres: Any, seconds: list[float]) -> Ownership:  # noqa: ANN401
    ownership = Ownership(postgres, "worker:1", lambda key: 0, lambda: seconds[0])
    await ownership.claim({0})
    return ownership


async def test_it_is_proven_again_when_the_proof_is_old() -> None:
    postgres, seconds = Postgres(), [0.0]
    ownership = await owned(postgres, seconds)
    await ownership.confirm(KEY, 1)
    postgres.epoch, seconds[0] = 2, 1.9
    await ownership.confirm(KEY, 1)
    seconds[0] = 2.0
    with pytest.raises(Fenced):
        await ownership.confirm(KEY, 1)


async def test_what_left_and_came_back_while_it_was_asked_is_not_ours_since_then() -> None:
    postgres, seconds = Postgres(), [0.0]
    ownership = await owned(postgres, seconds)
    begun, seconds[0] = ownership.epoch_of(KEY), 60.0
    postgres.answers.clear()
    asking = asyncio.create_task(ownership.confirm(KEY, begun))
    await asyncio.sleep(0)
    postgres.epoch += 1  # another worker's
    await ownership.claim({0})
    postgres.answers.set()
    with pytest.raises(Fenced):
        await asking
    await ownership.confirm(KEY, ownership.epoch_of(KEY))
    await ownership.confirm(KEY)


async def test_what_was_confirmed_may_leave_for_a_while_and_not_under_another_epoch() -> None:
    postgres, seconds = Postgres(), [0.0]
    ownership = await owned(postgres, seconds)
    assert (ownership.may_leave(KEY, 1), ownership.may_leave(KEY, 0)) == (True, False)
    seconds[0] = 3.9
    assert ownership.may_leave(KEY, 1)
    seconds[0] = 4.0
    assert not ownership.may_leave(KEY, 1), "who stood still may have lost it"
    await ownership.claim({0})
    assert (ownership.may_leave(KEY, 1), ownership.may_leave(KEY, 2)) == (False, True)
    ownership.lose()
    assert not ownership.may_leave(KEY, 2)


async def test_who_comes_as_an_old_proof_ends_asks_anew() -> None:
    """The process stood still while it was asked: what is answered then is too old for anybody."""
    postgres, seconds = Postgres(), [0.0]
    ownership = await owned(postgres, seconds)

    async def comes_as_it_ends() -> None:
        await postgres.answers.wait()
        await ownership.confirm(KEY, 1)

    seconds[0] = 10.0
    postgres.answers.clear()
    asking = asyncio.create_task(ownership.confirm(KEY, 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # it waits for the answer before the other one does
    coming = asyncio.create_task(comes_as_it_ends())
    await asyncio.sleep(0)
    seconds[0] = 20.0
    postgres.answers.set()
    await asyncio.gather(asking, coming)
