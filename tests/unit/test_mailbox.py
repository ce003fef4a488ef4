"""Mailboxes and offset windows: serial per key, acknowledged as a finished prefix, nothing lost unless revoked."""

import asyncio
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Fenced
from streams.engine.mailbox import Mailboxes
from streams.engine.window import OffsetWindow
from streams.engine.work import Batch, TopicPartition, WorkItem

SOURCE = TopicPartition("inbound-message", 0)


def item(offset: int, key: str, generation: int = 1, source: TopicPartition = SOURCE) -> WorkItem:
    return WorkItem(
        source=source, offset=offset, key=key, value=offset, request_id=None, generation=generation, token=(source, offset)
    )


@given(st.permutations(range(12)))
def test_window_acknowledges_finished_prefixes_in_order(order: list[int]) -> None:
    window = OffsetWindow("p")
    entries = [window.begin(offset, offset, 0.0) for offset in range(12)]
    acknowledged: list[int] = []
    finished: set[int] = set()
    for offset in order:
        finished.add(offset)
        acknowledged += window.finish(entries[offset])
        assert acknowledged == list(range(len(acknowledged)))
        assert len(acknowledged) == next((n for n in range(12) if n not in finished), 12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=40), st.integers(1, 6))
def test_serial_per_key_in_order_and_all_acknowledged(work: list[tuple[str, int]], most: int) -> None:
    asyncio.run(_serial(work, most))


async def _serial(work: list[tuple[str, int]], most: int) -> None:
    running: set[str] = set()
    done: dict[str, list[int]] = defaultdict(list)
    acknowledged: list[int] = []

    async def handle(batch: Batch) -> None:
        assert batch.key not in running
        running.add(batch.key)
        for _ in range(work[batch.first.offset][1]):
            await asyncio.sleep(0)
        done[batch.key].append(batch.first.offset)
        running.discard(batch.key)

    mailboxes = Mailboxes(handle, lambda token: acknowledged.append(token[1]), most_per_topic=most, largest_window=most)
    await mailboxes.begin_generation()
    for offset, (key, _) in enumerate(work):
        assert await mailboxes.put(item(offset, key))
    async with asyncio.timeout(5):
        await mailboxes.wait_until(lambda: len(acknowledged) == len(work))
    assert acknowledged == list(range(len(work)))
    assert all(offsets == sorted(offsets) for offsets in done.values())
    assert mailboxes.snapshot() == {"mailboxes": 0, "in_flight": 0, "partitions": {}}


async def test_a_burst_is_taken_along_and_a_call_out_of_turn() -> None:
    seen: list[list[int]] = []
    gate = asyncio.Event()
    call = TopicPartition("call-completed", 0)

    async def handle(batch: Batch) -> None:
        await gate.wait()
        batch.take_following()
        batch.take_out_of_turn("call-completed")
        seen.append([each.offset for each in batch.items])

    acknowledged: list[object] = []
    mailboxes = Mailboxes(handle, acknowledged.append, most_per_topic=9, largest_window=9)
    await mailboxes.begin_generation()
    for each in (item(0, "a"), item(1, "a"), item(7, "a", source=call), item(2, "a")):
        await mailboxes.put(each)
    gate.set()
    async with asyncio.timeout(5):
        await mailboxes.wait_until(lambda: len(acknowledged) == 4)
    assert seen == [[0, 1, 7], [2]]


async def test_fenced_work_is_never_acknowledged_and_old_generations_are_dropped() -> None:
    called = asyncio.Event()

    async def handle(batch: Batch) -> None:
        called.set()
        raise Fenced("not ours")

    acknowledged: list[object] = []
    mailboxes = Mailboxes(handle, acknowledged.append, most_per_topic=9, largest_window=9)
    await mailboxes.begin_generation()
    await mailboxes.put(item(0, "a"))
    await called.wait()
    await mailboxes.begin_generation()
    assert not await mailboxes.put(item(1, "a", generation=1))
    assert acknowledged == []


async def test_drain_finishes_what_has_begun_and_drops_the_rest() -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def handle(batch: Batch) -> None:
        begun.set()
        await gate.wait()

    acknowledged: list[tuple[object, int]] = []
    mailboxes = Mailboxes(handle, acknowledged.append, most_per_topic=9, largest_window=9)
    await mailboxes.begin_generation()
    await mailboxes.put(item(0, "a"))
    await mailboxes.put(item(1, "a"))
    await begun.wait()
    draining = asyncio.create_task(mailboxes.drain(5))
    await asyncio.sleep(0)
    gate.set()
    assert await draining == 0
    assert [offset for _, offset in acknowledged] == [0]


async def test_drain_finishes_what_stands_before_something_that_has_begun() -> None:
    gates = {"a": asyncio.Event(), "b": asyncio.Event()}

    async def handle(batch: Batch) -> None:
        await gates[batch.key].wait()

    acknowledged: list[tuple[object, int]] = []
    mailboxes = Mailboxes(handle, acknowledged.append, most_per_topic=9, largest_window=9)
    await mailboxes.begin_generation()
    for offset, key in enumerate("aabaa"):
        await mailboxes.put(item(offset, key))
    gates["b"].set()
    await asyncio.sleep(0)
    draining = asyncio.create_task(mailboxes.drain(5))
    await asyncio.sleep(0)
    gates["a"].set()
    assert await draining == 0
    assert [offset for _, offset in acknowledged] == [0, 1, 2]


async def test_what_a_drain_leaves_to_the_next_owner_is_not_overtaken() -> None:
    gate, handled = asyncio.Event(), []

    async def handle(batch: Batch) -> None:
        handled.append(batch.first.offset)
        if batch.key == "a":
            await gate.wait()
            raise Fenced("the vendor is away")

    mailboxes = Mailboxes(handle, lambda _: None, most_per_topic=9, largest_window=9)
    await mailboxes.begin_generation()
    for offset, key in enumerate("aab"):
        await mailboxes.put(item(offset, key))
    await asyncio.sleep(0)
    draining = asyncio.create_task(mailboxes.drain(5))
    await asyncio.sleep(0)
    gate.set()
    assert await draining == 0
    assert handled == [0, 2]


async def test_a_drain_at_its_cap_begins_nothing_more() -> None:
    gate = asyncio.Event()

    async def handle(batch: Batch) -> None:
        if batch.key == "a":
            await gate.wait()

    acknowledged: list[tuple[object, int]] = []
    mailboxes = Mailboxes(handle, acknowledged.append, most_per_topic=9, largest_window=9)
    await mailboxes.begin_generation()
    for offset, key in enumerate("aab"):
        await mailboxes.put(item(offset, key))
    await asyncio.sleep(0)
    assert await mailboxes.drain(0.01) == 1
    gate.set()
    async with asyncio.timeout(5):
        await mailboxes.wait_until(lambda: len(acknowledged) == 1)
    assert [offset for _, offset in acknowledged] == [0]


async def test_what_needs_no_mailbox_is_acknowledged_behind_what_came_before_it() -> None:
    gate = asyncio.Event()

    async def handle(batch: Batch) -> None:
        await gate.wait()

    acknowledged: list[tuple[object, int]] = []
    mailboxes = Mailboxes(handle, acknowledged.append, most_per_topic=9, largest_window=9)
    await mailboxes.begin_generation()
    await mailboxes.put(item(0, "a"))
    mailboxes.beside(item(1, ""))()
    late = mailboxes.beside(item(2, ""))
    assert acknowledged == []
    gate.set()
    async with asyncio.timeout(5):
        await mailboxes.wait_until(lambda: len(acknowledged) == 2)
    await mailboxes.begin_generation()
    late()  # its partition may be another worker's by now
    mailboxes.beside(item(3, "", generation=1))()
    assert [offset for _, offset in acknowledged] == [0, 1]
