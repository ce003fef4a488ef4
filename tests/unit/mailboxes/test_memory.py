"""Only keys at rest may leave memory, least recently used first; loads are grouped, one for each key."""

import asyncio

from mailboxes.ports import Limits
from tests.unit.mailboxes.setting import Setting, turns
from tests.unit.mailboxes.virtual_time import virtual


@virtual
async def test_loads_that_meet_share_one_call_and_what_comes_meanwhile_waits() -> None:
    setting = Setting()
    setting.assign(0)

    async def slow() -> None:
        await asyncio.sleep(1)

    setting.store.loading = slow
    for number, key in enumerate("abab"):
        await setting.take(key, f"{number}~")
    await asyncio.sleep(0.5)
    await setting.take("a", "4~")
    await setting.settle()
    assert setting.store.loads == [["a", "b"]]
    assert setting.store.ids("a", "take") == ["0~", "2~", "4~"]


@virtual
async def test_the_least_recently_used_leaves() -> None:
    setting = Setting(limits=Limits(keys=2))
    setting.assign(0)
    for number, key in enumerate("abac"):
        await setting.take(key, f"{number}~")
        await asyncio.sleep(1)
    assert list(setting.box.resting) == ["a", "c"]
    await setting.take("b", "9~")
    await asyncio.sleep(1)
    assert setting.store.loads == [["a"], ["b"], ["c"], ["b"]]
    assert setting.store.ids("b", "take") == ["1~", "9~"]


@virtual
async def test_by_size_too() -> None:
    setting = Setting(limits=Limits(size=3))
    setting.assign(0)
    for number, key in enumerate("aabb"):
        await setting.take(key, f"{number}~")
        await asyncio.sleep(1)
    assert list(setting.box.resting) == ["b"]
    assert setting.box.size == 2


@virtual
async def test_what_has_an_effect_a_write_or_a_load_stays() -> None:
    setting = Setting(limits=Limits(keys=0))
    setting.assign(0)
    await setting.take("effect", "1")
    await asyncio.sleep(0.1)
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    setting.store.before = wait
    await setting.take("write", "2~")
    await asyncio.sleep(0.1)
    setting.store.loading = wait
    await setting.take("load", "3~")
    await turns()
    assert list(setting.box.busy) == ["effect", "write", "load"]
    gate.set()
    await setting.settle()
    assert setting.in_memory == 0
    assert setting.released == [0, 1, 2]


@virtual
async def test_one_that_left_comes_back_as_it_was() -> None:
    setting = Setting(limits=Limits(keys=0))
    setting.assign(0)
    for number in range(5):
        await setting.take("a", f"{number}~")
        await asyncio.sleep(1)
    assert len(setting.store.loads) == 5
    assert setting.store.ids("a", "take") == ["0~", "1~", "2~", "3~", "4~"]
