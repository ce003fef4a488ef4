"""A key is woken when due: at an earlier time at once, at a later one by the timer, at the same time once."""

import asyncio

from tests.unit.mailboxes.setting import Setting
from tests.unit.mailboxes.virtual_time import virtual
from tests.unit.mailboxes.world import Behaviour


async def woken(behaviour: Behaviour, *delays: float) -> list[str]:
    """When the key was woken: a message each after so many seconds, then two minutes."""
    setting = Setting(behaviour)
    setting.assign(0)
    for number, delay in enumerate(delays):
        await asyncio.sleep(delay)
        await setting.take("a", f"{number}~")
    await asyncio.sleep(120)
    return setting.store.ids("a", "wake")


@virtual
async def test_when_it_is_due_and_once() -> None:
    assert await woken(Behaviour(due_at={1: 10, 2: 10}), 0) == ["10"]


@virtual
async def test_what_is_due_already_is_woken_at_once() -> None:
    assert await woken(Behaviour(due_at={1: 3}), 5) == ["5.025"]


@virtual
async def test_earlier_at_once() -> None:
    assert await woken(Behaviour(due_at={1: 100, 2: 7}), 0, 1) == ["7"]


@virtual
async def test_later_when_the_timer_fires() -> None:
    assert await woken(Behaviour(due_at={1: 7, 2: 50}), 0, 1) == ["50"]


@virtual
async def test_not_at_all_any_more() -> None:
    assert await woken(Behaviour(due_at={1: 7}), 0, 1) == []


@virtual
async def test_again_at_another_time() -> None:
    assert await woken(Behaviour(due_at={1: 10, 2: 20, 3: 30}), 0) == ["10", "20", "30"]


@virtual
async def test_what_is_due_is_found_by_recovery() -> None:
    setting = Setting(Behaviour(due_at={1: 10}))
    setting.assign(0)
    await setting.take("a", "1~")
    await asyncio.sleep(1)
    setting.assign(0)
    await asyncio.sleep(100)
    assert setting.store.ids("a", "wake") == []
    await setting.box.recover(0, ["a"])
    await asyncio.sleep(1)
    assert setting.store.ids("a", "wake") == ["101"]


@virtual
async def test_recovery_tells_a_message_whether_a_key_is_in_memory_or_not() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1~")
    await asyncio.sleep(1)
    await setting.box.recover(0, ["a", "b"], setting.behaviour.woken(1))
    await setting.settle()
    assert setting.store.loads == [["a"], ["b"]]
    assert [setting.store.ids(key, "wake") for key in ("a", "b")] == [["1"], ["1"]]
