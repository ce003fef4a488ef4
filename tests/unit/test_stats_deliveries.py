"""Events are acknowledged in offset order, once their changes are in Kafka."""

import asyncio

from streams.stats.changes import Deliveries


class Fetched:
    """An event that notes its acknowledgement."""

    def __init__(self, offset: int, acknowledged: list[int]) -> None:
        self._offset = offset
        self._acknowledged = acknowledged

    def ack(self) -> None:
        self._acknowledged.append(self._offset)


class Scene:
    """Deliveries with events of one partition under way."""

    def __init__(self, events: int) -> None:
        self.acknowledged: list[int] = []
        self.deliveries = Deliveries()
        self.deliveries.begin_generation()
        self.begun = [
            self.deliveries.begin(0, offset, Fetched(offset, self.acknowledged)) for offset in range(events)
        ]

    async def deliver(self, *offsets: int) -> None:
        for offset in offsets:
            self.deliveries.finish(self.begun[offset])
        await asyncio.sleep(0)


async def test_only_a_delivered_prefix_is_acknowledged() -> None:
    scene = Scene(3)
    await scene.deliver(1, 2)
    assert scene.acknowledged == []
    await scene.deliver(0)
    assert scene.acknowledged == [0, 1, 2]
    assert scene.deliveries.outstanding == 0


async def test_an_event_without_a_change_waits_for_those_before_it() -> None:
    scene = Scene(1)
    scene.deliveries.finish(scene.deliveries.begin(0, 1, Fetched(1, scene.acknowledged)))
    assert scene.acknowledged == []
    await scene.deliver(0)
    assert scene.acknowledged == [0, 1]


async def test_draining_waits_for_all_and_takes_nothing_new() -> None:
    scene = Scene(2)
    draining = asyncio.create_task(scene.deliveries.drain(5))
    await scene.deliver(0, 1)
    assert await draining == 0
    assert not scene.deliveries.open
    assert scene.acknowledged == [0, 1]


async def test_what_comes_after_the_drain_is_left_to_the_next_owner() -> None:
    scene = Scene(1)
    assert await scene.deliveries.drain(0) == 1
    scene.deliveries.begin_generation()
    await scene.deliver(0)
    assert scene.acknowledged == []
