"""Faust's consumer with some of its behaviours replaced: each loses, repeats or reorders events as it comes, or is slow.

- Acknowledged offsets are committed before a revocation forgets them; stock Faust does them twice.
- The drain before a rebalance has a cap and drops what has not begun; stock Faust waits without end, until the broker
  evicts the worker and its numbers run on two workers at once.
- The flow is stopped before the seek to the committed offsets, and partitions that have none are read from their
  beginning; stock Faust may resume before the seek and commit past what it never delivered.
- Committed offsets that the log does not have are told, and their partitions read from the beginning; stock Faust drops,
  of a topic that was made anew, all events below the offset it remembers, and commits none of them.
- Records of transactions are read when they are committed, and offsets without a record are committed past; stock Faust
  reads what a producer takes back, and knows no end of a partition that ends with a transaction's mark.
- A message that need not wait for room is handed to its stream as it is; stock Faust makes four tasks for each message.
- The client is closed where it lives, by its own thread when that stops; stock Faust, when a rebalance ends while the app
  stops, closes its sockets from the app's loop as well, and a libuv loop whose handles are closed under it crashes.
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
    """What the consumer tells of its partitions. Set as `app.engine`."""

    async def drain(self) -> None: ...
    async def assigned(self, partitions: set[TP]) -> None: ...
    def sought(self, offsets: dict[TP, int]) -> None: ...
    async def read_on(self) -> None: ...
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


class CommittedThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # faust's driver is untyped
    """Makes the client that a consumer stands on; Faust has no setting for what it may read of transactions, nor for how
    long one request may take.
    """

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:  # noqa: ANN401
        client = super()._create_consumer(loop)
        client._isolation_level = ISOLATION  # read when it starts
        bound_requests(client._client, self.app.membership)
        return client


class OrderedConsumer(Consumer):  # type: ignore[misc]  # faust's driver is untyped
    """See the module."""

    tells_ends = True
    """Whether the broker tells the ends of its partitions truly."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - faust's own types
        super().__init__(*args, **options)
        self._read: ReadOffsets[TP] = ReadOffsets()

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def read_up_to(self, tp: TP, done: int) -> int:
        """Return how far somebody is who has done all records before `done`: also past offsets that hold none."""
        return self._read.read_up_to(tp, done)

    def close(self) -> None:
        """Leave it to the thread, which leaves the group and closes its client as it stops."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        await self.commit()
        self._read.begin({})
        await super().on_partitions_revoked(revoked)

    def _to_message(self, tp: TP, record: Any) -> Any:  # noqa: ANN401 - faust's own types
        self._read.given(tp, record.offset)
        return super()._to_message(tp, record)

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ANN401 - faust's own types
        """Everything that was fetched before has been given to the streams by now."""
        gaps = [tp for tp, at in self._client_positions() if self._read.reached(tp, at)] if self.flow_active else []
        if gaps:
            await self._engine.read_on()
        return await super()._wait_next_records(timeout)

    def _client_positions(self) -> list[tuple[TP, int]]:
        assignment = self._thread._ensure_consumer()._subscription.subscription.assignment
        states = ((tp, assignment.state_value(tp)) for tp in self._read) if assignment else ()
        return [(tp, state.position) for tp, state in states if state is not None and state.has_valid_position]

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:  # noqa: ANN401 - faust's own types
        return [tp for tp in self._read if topics is None or tp in topics or tp.topic in topics]

    def _new_offset(self, tp: TP) -> int | None:
        """Acknowledged is a finished prefix only, so that its last one tells all, whatever lies between them."""
        if acked := self._acked[tp]:
            self._read.done(tp, max(acked))
            acked.clear()
            self._acked_index[tp].clear()
        return self._read.to_commit(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps are known; Faust would keep each of their offsets."""

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
