"""Looking up the end of the call topic: never older than the asking, and never more than one at a time."""

import asyncio
from typing import Any, cast

from faust.types import TP

from streams.worker.engine import WorkerEngine


class Consumer:
    """A broker whose answers take until told otherwise."""

    def __init__(self) -> None:
        self.running = self.most = self.looks = 0
        self.gate = asyncio.Event()

    def assignment(self) -> set[TP]:
        return {TP("call-completed", 0)}

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        self.looks += 1
        end = self.looks
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        self.running -= 1
        return dict.fromkeys(partitions, end)


async def test_one_runs_and_all_who_come_meanwhile_share_the_next() -> None:
    consumer = Consumer()
    app = type("App", (), {"consumer": consumer})()
    engine = WorkerEngine(app, "", cast(Any, None), cast(Any, None), ())
    first = asyncio.create_task(engine._fresh_end_offsets())
    while not consumer.running:
        await asyncio.sleep(0)
    later = []
    for _ in range(50):  # each in a turn of the loop of its own
        later.append(asyncio.create_task(engine._fresh_end_offsets()))
        await asyncio.sleep(0)
    consumer.gate.set()
    assert (await first)[TP("call-completed", 0)] == 1
    assert {(await each)[TP("call-completed", 0)] for each in later} == {2}
    assert (consumer.looks, consumer.most) == (2, 1)
