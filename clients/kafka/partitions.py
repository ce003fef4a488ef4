"""Reads partitions of topics from one offset to another, many records at a time; no group, nothing is committed."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from clients.kafka.connection import KAFKA_ERRORS, consumer_arguments
from schemas.errors import Unavailable
from schemas.settings import Settings

Offsets = Mapping[TopicPartition, int]
Records = dict[TopicPartition, list[ConsumerRecord]]

# Some MB, handled in some ten milliseconds.
_MOST_AT_ONCE = 1000
_POLL_MS = 500
# A partition whose last records were compacted away, or are marks of transactions, gives nothing more: so many empty
# polls end it.
_EMPTY_POLLS = 20


class PartitionReader:
    """`async with PartitionReader(settings) as reader`. Every method raises `Unavailable` when Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = AIOKafkaConsumer(**consumer_arguments(settings), auto_offset_reset="earliest")

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except KAFKA_ERRORS as error:
            await self._consumer.stop()
            raise Unavailable("Kafka does not answer") from error
        await asyncio.sleep(0)  # stopped before its own task had a first step, the client would cancel whoever stops it
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def beginnings(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the oldest offsets that are kept."""
        try:
            return dict(await self._consumer.beginning_offsets(list(places)))
        except KAFKA_ERRORS as error:
            raise Unavailable("Kafka does not answer") from error

    async def ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offsets behind the last record."""
        try:
            return dict(await self._consumer.end_offsets(list(places)))
        except KAFKA_ERRORS as error:
            raise Unavailable("Kafka does not answer") from error

    async def batches(self, starts: Offsets, ends: Offsets) -> AsyncIterator[Records]:
        """Return the records of the partitions between their offsets, in each partition's order."""
        left = {place for place, start in starts.items() if start < ends[place]}
        if not left:
            return
        self._consumer.assign(list(left))
        for place in left:
            self._consumer.seek(place, starts[place])
        empty = 0
        while left and empty < _EMPTY_POLLS:
            try:
                got: Records = await self._consumer.getmany(*left, timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
                reached = {place for place in left if await self._consumer.position(place) >= ends[place]}
            except KAFKA_ERRORS as error:
                raise Unavailable("Kafka does not answer") from error
            empty = 0 if got else empty + 1
            wanted = {
                place: [record for record in records if record.offset < ends[place]] for place, records in got.items()
            }
            left -= reached
            yield wanted
            if reached:
                self._consumer.pause(*reached)
