"""Epochs, revocation, recovery and drain."""

import asyncio

from mailboxes.ports import Limits, RunState
from tests.unit.mailboxes.setting import Setting, turns
from tests.unit.mailboxes.virtual_time import now, virtual
from tests.unit.mailboxes.world import Behaviour, Event, Message


def took(key: str) -> Event:
    return Event(0, "take", key)


@virtual
async def test_nothing_is_taken_before_an_assignment() -> None:
    setting = Setting()
    assert setting.box.run_state is RunState.IDLE
    assert not await setting.take("a", "1~")
    setting.assign(0)
    assert not await setting.take("a", "1~", partition=7)


@virtual
async def test_records_of_an_older_assignment_are_dropped_and_never_released() -> None:
    setting = Setting()
    setting.assign(0)
    old = setting.record("a", "1~")
    await setting.take("a", "2~")
    setting.assign(0)
    assert not await setting.box.deliver(old)
    setting.box.beside(old)()
    await asyncio.sleep(1)
    assert setting.released == []


@virtual
async def test_another_partitions_assignment_leaves_a_partition_alone() -> None:
    setting = Setting()
    setting.assign(0)
    early = setting.record("a", "1~")
    setting.assign(1)
    assert await setting.box.deliver(early)
    await setting.settle()
    assert setting.released == [0]


@virtual
async def test_what_is_in_memory_is_forgotten_with_its_partition_alone() -> None:
    setting = Setting()
    setting.assign(0, 1)
    await setting.take("a", "1~")
    await setting.take("b", "2~", partition=1)
    await asyncio.sleep(1)
    setting.box.revoke([0])
    assert list(setting.box.resting) == ["b"]
    assert ("in", 0) not in setting.box.windows


@virtual
async def test_recovery_starts_what_is_open_and_tells_what_runs() -> None:
    setting = Setting()
    for key in ("a", "b"):
        setting.store.events[key].append(took(key))
    setting.assign(0)
    await setting.box.recover(0, ["a", "b"])
    await setting.settle()
    assert setting.store.loads == [["a", "b"]]
    assert setting.behaviour.handled[:2] == [Message("recovered")] * 2
    assert setting.host.asked == [("a", "a"), ("b", "b")]


@virtual
async def test_recovery_keeps_within_the_bound_on_work() -> None:
    setting = Setting(limits=Limits(work=3))
    keys = [f"key{number}" for number in range(10)]
    for key in keys:
        setting.store.events[key].append(took(key))
    setting.assign(0)
    recovery = asyncio.create_task(setting.box.recover(0, keys))
    while not recovery.done():
        assert len(setting.box.busy) <= 3
        await asyncio.sleep(0.1)
    await setting.settle()
    assert [setting.store.ids(key, "answer") for key in keys] == [[key] for key in keys]
    setting.box.revoke([0])
    await setting.box.recover(0, keys)
    assert setting.in_memory == 0


@virtual
async def test_a_drain_ends_what_has_begun_and_begins_nothing() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await setting.take("a", "2")
    await turns()
    assert await setting.box.drain(10) == 0
    assert now() == 1
    assert setting.box.run_state is RunState.DRAINED
    assert setting.host.asked == [("a", "1")]
    assert setting.store.ids("a", "answer") == ["1"]
    assert setting.released == [0, 1]
    assert not await setting.take("a", "3")


@virtual
async def test_a_drain_begins_what_is_written_down_as_under_way() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await setting.take("a", "!2")
    await setting.take("a", "3")
    await turns()
    assert await setting.box.drain(10) == 0
    assert setting.host.asked == [("a", "1"), ("a", "!2")]
    assert setting.store.ids("a", "answer") == ["1", "!2"]


@virtual
async def test_a_drain_cuts_off_what_takes_too_long_and_says_how_much() -> None:
    setting = Setting(Behaviour(parallel=2))
    setting.assign(0)
    await setting.take("a", "1")
    await setting.take("a", "2")
    await turns()
    assert await setting.box.drain(0.5) == 2
    assert now() == 0.5
    assert setting.host.running == set()
    await turns()
    assert setting.box.effects == {}


@virtual
async def test_an_unwritten_record_comes_again_after_a_drain_that_was_cut_short() -> None:
    setting = Setting()
    setting.assign(0)

    async def hang() -> None:
        await asyncio.sleep(100)

    setting.store.before = hang
    await setting.take("a", "1~")
    assert await setting.box.drain(1) == 0
    assert setting.released == []
    assert setting.in_memory == 0


@virtual
async def test_after_a_drain_the_next_assignment_begins_anew() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await turns()
    await setting.box.drain(0.5)
    setting.assign(0)
    await setting.box.recover(0, ["a"])
    await setting.settle()
    assert setting.host.asked == [("a", "1"), ("a", "1")]
    assert setting.store.ids("a", "answer") == ["1"]


@virtual
async def test_an_assignment_ends_a_drain() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await turns()
    draining = asyncio.create_task(setting.box.drain(100))
    await turns()
    setting.assign(0)
    assert await draining == 0
    assert setting.box.run_state is RunState.RUNNING
