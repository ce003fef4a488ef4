"""Faust's consumer without those of its stock behaviours that lose, repeat or reorder events, or are slow.

- Acknowledged offsets are committed before a revocation forgets them; stock Faust does their events twice.
- The drain before a rebalance has a cap and drops what has not begun; stock Faust waits without limit, until
  the broker evicts the worker and its numbers run on two workers at once.
- The flow is stopped before the seek to the committed offsets, and partitions without any are read from their
  beginning; stock Faust may resume before the seek and commit past what it never delivered.
- Committed offsets that the log does not have are reported, and their partitions read from the beginning;
  stock Faust drops all events of a recreated topic below the offset it remembers, and commits none of them.
- Records of transactions are read once committed, and offsets without a record are committed past; stock
  Faust reads what a producer takes back, and knows no end of a partition that ends with a transaction marker.
- A message that need not wait for room goes straight to its stream; stock Faust makes four tasks per message.
- The client is closed where it lives, by its own thread when that stops. When a rebalance ends while the app
  stops, stock Faust also closes its sockets from the app's loop, and a libuv loop whose handles are closed
  under it crashes.
"""

import asyncio
from collections.abc import Awaitable, Generator, Iterable
from inspect import iscoroutine
from typing import Any, Protocol

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.types import TP

from clients.kafka.connection import ISOLATION
from streams.engine.offsets import ReadOffsets, out_of_range
from streams.engine.request_bounds import bound_requests


class Engine(Protocol):
    """What the consumer tells about its partitions. Set as `app.engine`."""

    async def drain(self) -> None: ...
    async def assigned(self, partitions: set[TP]) -> None: ...
    def sought(self, offsets: dict[TP, int]) -> None: ...
    async def read_on(self) -> None: ...
    def lost(self, found: dict[TP, tuple[int, int, int]]) -> None: ...


class _GoingOn(Awaitable[Any]):
    """The rest of a coroutine that has run as far as its first wait."""

    def __init__(self, coroutine: Any, waits_for: Any) -> None:  # noqa: ANN401 - what event loops understand
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


class CommittedThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # faust's driver is untyped
    """Makes the client that a consumer is built on.

    Faust has no settings for what the client may read of transactions, or how long one request may take.
    """

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:  # noqa: ANN401
        client = super()._create_consumer(loop)
        client._isolation_level = ISOLATION  # read when it starts
        bound_requests(client._client, self.app.membership)
        return client


class OrderedConsumer(Consumer):  # type: ignore[misc]  # faust's driver is untyped
    """See the module."""

    tells_ends = True
    """Whether the broker reports the true ends of its partitions."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - faust's own types
        super().__init__(*args, **options)
        self._read: ReadOffsets[TP] = ReadOffsets()

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def read_up_to(self, tp: TP, done: int) -> int:
        """Return how far a reader is that has done all before `done`, also past offsets without a record."""
        return self._read.read_up_to(tp, done)

    def close(self) -> None:
        """Do nothing: the thread leaves the group and closes its client as it stops."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await self.commit()
        self._read.begin({})
        await super().on_partitions_revoked(revoked)

    def _to_message(self, tp: TP, record: Any) -> Any:  # noqa: ANN401 - faust's own types
        self._read.given(tp, record.offset)
        return super()._to_message(tp, record)

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ANN401 - faust's own types
        """Wait for records; everything fetched earlier has been given to the streams by now."""
        gaps = (
            [tp for tp, at in self._client_positions() if self._read.reached(tp, at)]
            if self.flow_active
            else []
        )
        if gaps:
            await self._engine.read_on()
        return await super()._wait_next_records(timeout)

    def _client_positions(self) -> list[tuple[TP, int]]:
        assignment = self._thread._ensure_consumer()._subscription.subscription.assignment
        states = ((tp, assignment.state_value(tp)) for tp in self._read) if assignment else ()
        return [
            (tp, state.position) for tp, state in states if state is not None and state.has_valid_position
        ]

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:  # noqa: ANN401 - faust's
        return [tp for tp in self._read if topics is None or tp in topics or tp.topic in topics]

    def _new_offset(self, tp: TP) -> int | None:
        """Return what to commit. Only a finished prefix is acknowledged, so its last offset tells all."""
        if acked := self._acked[tp]:
            self._read.done(tp, max(acked))
            acked.clear()
            self._acked_index[tp].clear()
        return self._read.to_commit(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: gaps are known, and Faust would keep each of their offsets."""

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        await self._engine.assigned(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def wait_first(self, *coros: Any, **options: Any) -> Any:  # noqa: ANN401 - faust's own types
        """Wait for `callback(message)` or the flow's end; the former nearly always ends at its first step."""
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
        self._read.begin({})
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
        offsets = {tp: self._committed_offset[tp] or 0 for tp in ours} | beginnings
        self._read.begin(offsets)
        self._engine.sought(offsets)

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
