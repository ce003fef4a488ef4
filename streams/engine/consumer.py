"""Faust's consumer with three of its behaviours replaced: each loses, repeats or reorders events as it comes.

- Acknowledged offsets are committed before a revocation forgets them; stock Faust does them twice.
- The drain before a rebalance has a cap and drops what has not begun; stock Faust waits without end, until the broker
  evicts the worker and its numbers run on two workers at once.
- The flow is stopped before the seek to the committed offsets, and partitions that have none are read from their
  beginning; stock Faust may resume before the seek and commit past what it never delivered.
"""

from typing import Protocol

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP


class Engine(Protocol):
    """What the consumer tells of its partitions. Set as `app.engine`."""

    async def drain(self) -> None: ...
    async def assigned(self, partitions: set[TP]) -> None: ...
    def sought(self, offsets: dict[TP, int]) -> None: ...


class OrderedConsumer(Consumer):  # type: ignore[misc]  # faust's driver is untyped
    """See the module."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await self.commit()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        await self._engine.assigned(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def wait_empty(self) -> None:
        await self._engine.drain()
        await self.commit_and_end_transactions()

    async def perform_seek(self) -> None:
        self.stop_flow()
        await super().perform_seek()
        ours = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        without = {tp for tp in ours if not self._committed_offset[tp]}
        beginnings = dict(await self.earliest_offsets(*without)) if without else {}
        if beginnings:
            await self.seek_wait(beginnings)
        self._engine.sought({tp: self._committed_offset[tp] or 0 for tp in ours} | beginnings)

    @property
    def _engine(self) -> Engine:
        engine: Engine = self.app.engine
        return engine
