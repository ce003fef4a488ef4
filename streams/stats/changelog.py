"""Recovery of the table from its changelog, a topic that `migrate` creates.

The changelog is read at once: Faust makes a task, counters and an event for each record, which takes about
0.15 ms, of which reading is a tenth. What could not be read (Kafka went away, a rebalance began) is left to
Faust's own recovery, which goes on after the last record applied.
"""

import gc
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import faust
import structlog
from aiokafka import ConsumerRecord, TopicPartition
from faust.tables.recovery import Recovery
from faust.types import TP
from pydantic_core import from_json

from clients.kafka.partitions import PartitionReader
from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.stats.record import latest

log = structlog.get_logger()


@contextmanager
def _records_are_no_garbage() -> Iterator[None]:
    """Spare the collector what is loaded: scanning 100,000 records stops us for tenths of a second."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class QuickRecovery(Recovery):  # type: ignore[misc]  # faust is untyped
    """The recovery of the app's tables, of which there is one."""

    def __init__(self, app: faust.App, settings: Settings, table: Any) -> None:  # noqa: ANN401
        super().__init__(app, app.tables, beacon=app.tables.beacon, loop=app.tables.loop)
        self._settings = settings
        self._table = table

    async def _build_offsets(
        self,
        consumer: Any,  # noqa: ANN401
        tps: set[TP],
        destination: MutableMapping[TP, int],
        title: str,
    ) -> None:
        """Find where recovery begins, and read to where it ends. `destination`: the last offsets applied."""
        await super()._build_offsets(consumer, tps, destination, title)
        ends = {tp: self.active_highwaters[tp] for tp in tps if self.active_highwaters[tp] > destination[tp]}
        if title != "active" or not ends:
            return
        try:
            with _records_are_no_garbage():
                await self._read(destination, ends)
        except Unavailable as error:
            log.warning("the changelog could not be read at once", why=str(error))

    async def _read(self, applied: MutableMapping[TP, int], last: dict[TP, int]) -> None:
        starts = {TopicPartition(*tp): applied[tp] + 1 for tp in last}
        ends = {TopicPartition(*tp): offset + 1 for tp, offset in last.items()}
        async with PartitionReader(self._settings) as reader:
            async for batch in reader.batches(starts, ends):
                # No await in this loop, so that what is applied and what is noted are one.
                for place, records in batch.items():
                    for record in records:
                        self._apply(record)
                        applied[TP(*place)] = record.offset

    def _apply(self, record: ConsumerRecord) -> None:
        """Apply a record. One that cannot be read is left out; its conversation is remade from Postgres."""
        try:
            key, value = (
                from_json(record.key or b""),
                None if record.value is None else from_json(record.value),
            )
        except ValueError:
            log.error(
                "entry of the changelog cannot be read", partition=record.partition, offset=record.offset
            )
            return
        if value is None:
            self._table.data.pop(key, None)
        else:
            self._table.data[key] = latest(self._table.data.get(key), value)
