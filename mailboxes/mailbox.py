"""Actors per key over a partitioned log: records in, released in order, whoever owns the partition."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from mailboxes.ports import E, M, Record, RunState, S, W
from mailboxes.shards import Shards
from mailboxes.watermark import Window, WorkItem


class Mailbox(Shards[S, M, E, W]):
    """Actors by key. A source's partition delivers its records one by one, under the newest `generation`."""

    async def deliver(self, record: Record[M]) -> bool:
        """Deliver a record, waiting for room. False: it was of an older assignment, and dropped."""
        while self._is_current(record) and not self._has_room(record):
            await self._change.wait()
        if is_current := self._is_current(record):
            self.tell(record.key, record.partition, self._begin(record))
        return is_current

    def beside(self, record: Record[M]) -> Callable[[], None]:
        """Take in a record that no key is told of. Calling the result releases it, in its turn."""
        item = self._begin(record) if self._is_current(record) else WorkItem(record.message)
        return lambda: self.finish(record.key, item)

    async def recover(self, partition: int, keys: Iterable[str], *messages: M) -> None:
        """Load keys with open or due work, as the bound on work allows, and tell each these messages."""
        for key in keys:
            while self._owns(partition) and not self._may_work():
                await self._change.wait()
            if self._owns(partition):
                self.tell(key, partition, *(WorkItem(message) for message in messages))

    def assign(self, epochs: Mapping[int, int]) -> None:
        """Own partitions from now on, under the epochs of their committed claims."""
        self.revoke(epochs)
        self.generation, self.run_state = self.generation + 1, RunState.RUNNING
        self.owned.update((partition, (epoch, self.generation)) for partition, epoch in epochs.items())

    async def drain(self, cap: float) -> int:
        """Take nothing new, end what has begun within `cap` seconds; return how many effects were cut off."""
        self.run_state = RunState.DRAINING
        self.changed()
        with suppress(TimeoutError):
            async with asyncio.timeout(cap):
                while self.run_state is RunState.DRAINING and (self.busy or self.effects):
                    await self._change.wait()
        if self.run_state is not RunState.DRAINING:
            return 0  # assigned anew meanwhile
        self.run_state = RunState.DRAINED
        cut_off = [task for effects in self.effects.values() for _, task in effects.values() if task.cancel()]
        for shard in [*self.busy.values(), *self.resting.values()]:
            self.forget(shard)
        await asyncio.sleep(0)  # let the cancelled tasks run
        return len(cut_off)

    def _begin(self, record: Record[M]) -> WorkItem[M]:
        if (source := (record.source, record.partition)) not in self.windows:
            self.windows[source] = Window(record.source, self.host.release, self.unfinished)
        return self.windows[source].begin(record)

    def _owns(self, partition: int) -> bool:
        return self.run_state is RunState.RUNNING and partition in self.owned

    def _is_current(self, record: Record[M]) -> bool:
        return self._owns(record.partition) and record.generation >= self.owned[record.partition][1]

    def _may_work(self) -> bool:
        return self.open_work + self.unfinished.total() < self.limits.work

    def _has_room(self, record: Record[M]) -> bool:
        window = self.windows.get((record.source, record.partition))
        is_full = window is not None and len(window.items) >= self.limits.partition
        has_place = not is_full and self.unfinished[record.source] < self.limits.source
        return has_place and (record.urgent or self._may_work())
