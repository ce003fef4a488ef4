"""Faust's consumer with some of its behaviours replaced: each loses, repeats or reorders events as it comes, or is slow.

- Acknowledged offsets are committed before a revocation forgets them; stock Faust does them twice.
- The drain before a rebalance has a cap and drops what has not begun; stock Faust waits without end, until the broker
  evicts the worker and its numbers run on two workers at once.
- The flow is stopped before the seek to the committed offsets, and partitions that have none are read from their
  beginning; stock Faust may resume before the seek and commit past what it never delivered.
- Committed offsets that the log does not have are told, and their partitions read from the beginning; stock Faust drops,
  of a topic that was made anew, all events below the offset it remembers, and commits none of them.
- A message that need not wait for room is handed to its stream as it is; stock Faust makes four tasks for each message.
"""

from collections.abc import Awaitable, Generator
from inspect import iscoroutine
from typing import Any, Protocol

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

from streams.engine.lost_offsets import out_of_range


class Engine(Protocol):
    """What the consumer tells of its partitions. Set as `app.engine`."""

    async def drain(self) -> None: ...
    async def assigned(self, partitions: set[TP]) -> None: ...
    def sought(self, offsets: dict[TP, int]) -> None: ...
    def lost(self, found: dict[TP, tuple[int, int, int]]) -> None: ...


class _GoingOn(Awaitable[Any]):
    """The rest of a coroutine that has run up to its first wait."""

    def __init__(self, coroutine: Any, waits_for: Any) -> None:  # noqa: ANN401 - whatever the event loop understands
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self._waits_for
        while True:
            try:
                came = yield waits_for
            except BaseException as error:  # noqa: BLE001 - thrown into it, cancellation above all
                step, given = self._coroutine.throw, error
            else:
                step, given = self._coroutine.send, came
            try:
                waits_for = step(given)
            except StopIteration as end:
                return end.value


class OrderedConsumer(Consumer):  # type: ignore[misc]  # faust's driver is untyped
    """See the module."""

    tells_ends = True
    """Whether the broker tells the ends of its partitions truly."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await self.commit()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        await self._engine.assigned(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def wait_first(self, *coros: Any, **options: Any) -> Any:  # noqa: ANN401 - faust's own types
        """Of `callback(message)` and the end of the flow; the former is nearly always done at its first step."""
        if options or len(coros) != 2 or not all(map(iscoroutine, coros)):
            return await super().wait_first(*coros, **options)
        handing, ending = coros
        try:
            waits_for = handing.send(None)
        except StopIteration:
            ending.close()
            return None
        return await super().wait_first(_GoingOn(handing, waits_for), ending)

    async def wait_empty(self) -> None:
        await self._engine.drain()
        await self.commit_and_end_transactions()

    async def perform_seek(self) -> None:
        self.stop_flow()
        await super().perform_seek()
        ours = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        if lost := await self._lost(ours):
            for tp in lost:
                self._committed_offset[tp] = self._read_offset[tp] = None
            self._engine.lost(lost)
        without = {tp for tp in ours if not self._committed_offset[tp]}
        beginnings = dict(await self.earliest_offsets(*without)) if without else {}
        if beginnings:
            await self.seek_wait(beginnings)
        self._engine.sought({tp: self._committed_offset[tp] or 0 for tp in ours} | beginnings)

    async def _lost(self, ours: set[TP]) -> dict[TP, tuple[int, int, int]]:
        committed = {tp: self._committed_offset[tp] for tp in ours if self._committed_offset[tp]}
        if not committed or not self.tells_ends:
            return {}
        beginnings, ends = await self.earliest_offsets(*committed), await self.highwaters(*committed)
        return out_of_range(committed, beginnings, ends)

    @property
    def _engine(self) -> Engine:
        engine: Engine = self.app.engine
        return engine
