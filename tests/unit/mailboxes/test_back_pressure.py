"""Bounds hold, waiting is fair, and one source gets through while another waits."""

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mailboxes.ports import Limits
from tests.unit.mailboxes.setting import Setting, turns
from tests.unit.mailboxes.virtual_time import virtual


def gated(setting: Setting) -> asyncio.Event:
    """Writes wait for this."""
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    setting.store.before = wait
    return gate


@virtual
async def test_a_partition_has_a_bound_that_holds_back_no_other() -> None:
    setting = Setting(limits=Limits(partition=2))
    setting.assign(0, 1)
    gate = gated(setting)
    assert await setting.take("a", "1~")
    assert await setting.take("b", "2~")
    third = asyncio.create_task(setting.take("c", "3~"))
    other = asyncio.create_task(setting.take("d", "4~", partition=1))
    await turns()
    assert (third.done(), other.done()) == (False, True)
    gate.set()
    assert await third


@virtual
async def test_finished_behind_a_stuck_one_counts_for_the_partition() -> None:
    setting = Setting(limits=Limits(partition=2))
    setting.assign(0)
    gated(setting)
    await setting.take("a", "1~")
    setting.box.beside(setting.record("", ""))()
    third = asyncio.create_task(setting.take("c", "3~"))
    await turns()
    assert not third.done()
    assert setting.box.unfinished["in"] == 1


@virtual
async def test_one_source_gets_through_while_another_waits() -> None:
    setting = Setting(limits=Limits(source=1))
    setting.assign(0, 1)
    gated(setting)
    await setting.take("a", "1~")
    waiting = asyncio.create_task(setting.take("d", "2~", partition=1))
    call = asyncio.create_task(setting.take("b", "3~", source="calls"))
    await turns()
    assert (waiting.done(), call.done()) == (False, True)


@virtual
async def test_open_work_holds_back_what_is_not_urgent() -> None:
    setting = Setting(limits=Limits(work=1))
    setting.assign(0)
    await setting.take("a", "1")
    await turns()
    assert setting.released == [0]
    assert setting.box.open_work == 1
    waiting = asyncio.create_task(setting.take("b", "2"))
    await asyncio.sleep(0.9)
    assert not waiting.done()
    urgent = setting.record("b", "3", source="commands")
    assert await setting.box.deliver(replace(urgent, urgent=True))
    await asyncio.sleep(0.2)  # the first is answered
    assert not waiting.done(), "the urgent one is work, too"
    assert await waiting


@virtual
async def test_room_is_given_in_turn() -> None:
    """One source's flood does not starve another's trickle."""
    setting = Setting(limits=Limits(work=1))
    setting.assign(0)
    entered: list[str] = []

    async def pump(source: str, count: int) -> None:
        for number in range(count):
            assert await setting.take(f"{source}{number}", f"{number}~", source=source)
            entered.append(source)

    flood = asyncio.create_task(pump("flood", 20))
    await turns()
    await pump("trickle", 3)
    await flood
    last = max(index for index, source in enumerate(entered) if source == "trickle")
    assert entered[last - 5 : last + 1].count("flood") <= 3
    assert len(entered) == 23


@virtual
async def test_who_waits_is_sent_away_when_the_partition_leaves() -> None:
    setting = Setting(limits=Limits(partition=1))
    setting.assign(0, 1)
    gated(setting)
    await setting.take("a", "1~")
    waiting = asyncio.create_task(setting.take("b", "2~"))
    await turns()
    setting.box.revoke([0])
    assert await waiting is False
    assert setting.box.unfinished.total() == 0


@virtual
async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    setting = Setting(limits=Limits(partition=1))
    setting.assign(0)
    gate = gated(setting)
    await setting.take("a", "1~")
    waiting = asyncio.create_task(setting.take("b", "2~"))
    await turns()
    waiting.cancel()
    gate.set()
    await asyncio.sleep(1)
    assert setting.released == [0]
    assert setting.store.ids("b", "take") == []


@given(st.lists(st.sampled_from("abcdef"), max_size=30), st.integers(1, 4), st.integers(1, 6))
def test_bounds_hold_and_all_get_through(keys: list[str], partition: int, work: int) -> None:
    @virtual
    async def play() -> None:
        setting = Setting(limits=Limits(partition=partition, work=work))
        setting.assign(0)
        for number, key in enumerate(keys):
            await setting.take(key, str(number))
            assert len(setting.box.windows["in", 0].items) <= partition
            assert setting.box.unfinished.total() <= work
        await setting.settle()
        assert setting.released == list(range(len(keys)))

    play()
