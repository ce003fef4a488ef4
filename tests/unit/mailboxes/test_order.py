"""Each key in order, all keys at once; records are released in order, and only when durable."""

import asyncio
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.mailboxes.setting import Setting, turns
from tests.unit.mailboxes.virtual_time import now, virtual


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40), st.integers(0, 999))
def test_each_key_in_order_all_released_in_order(work: list[tuple[str, bool]], seed: int) -> None:
    @virtual
    async def play() -> None:
        setting, random = Setting(), Random(seed)
        setting.assign(0)

        async def delay() -> None:
            await asyncio.sleep(random.choice([0, 0, 0.01, 0.1]))

        setting.store.before = setting.store.after = setting.store.loading = delay
        for number, (key, patient) in enumerate(work):
            assert await setting.take(key, f"{number}~" if patient else f"{number}")
            await delay()
        await setting.settle()
        assert setting.released == list(range(len(work)))
        for key in "abc":
            ids = [
                f"{number}~" if patient else f"{number}"
                for number, (each, patient) in enumerate(work)
                if each == key
            ]
            assert setting.store.ids(key, "take") == ids
            assert setting.store.ids(key, "answer") == [each for each in ids if not each.endswith("~")]

    play()


@virtual
async def test_a_slow_key_holds_back_no_other_but_the_release() -> None:
    setting = Setting()
    setting.assign(0)
    gate = asyncio.Event()

    async def wait_for_gate() -> None:
        if setting.store.groups[-1:] == [] and not gate.is_set():
            await gate.wait()

    setting.store.before = wait_for_gate
    await setting.take("a", "1~")
    await asyncio.sleep(0.03)  # in flight
    await setting.take("b", "2~")
    await asyncio.sleep(0.03)
    assert setting.released == []
    gate.set()
    await turns()
    assert setting.released == [0, 1]


@virtual
async def test_a_repeat_is_finished_with_the_write_that_it_repeats() -> None:
    setting = Setting()
    setting.assign(0)
    gate = asyncio.Event()
    await setting.take("a", "0~")
    await asyncio.sleep(1)

    async def wait_for_gate() -> None:
        await gate.wait()

    setting.store.before = wait_for_gate
    await setting.take("a", "1")
    await setting.take("a", "1")
    await turns()
    assert setting.released == [0]
    gate.set()
    await turns()
    assert setting.released == [0, 1, 2]
    await setting.take("a", "1")
    await turns()
    assert setting.released == [0, 1, 2, 3]
    assert len(setting.store.groups) == 2


@virtual
async def test_what_is_decided_while_a_write_is_in_flight_is_one_next_write() -> None:
    setting = Setting()
    setting.assign(0)

    async def slow() -> None:
        await asyncio.sleep(1)

    setting.store.before = slow
    for number in range(5):
        await setting.take("a", f"{number}~")
        await asyncio.sleep(0.1)
    await setting.settle()
    assert setting.store.groups == [["a"], ["a"]]
    assert [event.id for event in setting.store.events["a"]] == ["0~", "1~", "2~", "3~", "4~"]


@virtual
async def test_what_needs_no_key_is_released_behind_what_came_before_it() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1~")
    done = setting.box.beside(setting.record("", ""))
    late = setting.box.beside(setting.record("", ""))
    done()
    done()
    assert setting.released == []
    await asyncio.sleep(0.1)
    assert setting.released == [0, 1]
    window = setting.box.windows["in", 0]
    assert (window.low_watermark, window.highest_seen) == (2, 2)
    setting.assign(0)
    late()
    assert setting.released == [0, 1]


@virtual
async def test_time_stands_still_for_what_needs_none() -> None:
    setting = Setting()
    setting.assign(0)
    await setting.take("a", "1")
    await turns()
    assert now() == 0
    assert setting.released == [0]
