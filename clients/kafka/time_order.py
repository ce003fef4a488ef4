"""Records of several partitions, oldest first: where some were added, a number has records in two."""

import heapq
from collections import deque
from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from clients.kafka.partitions import Offsets, all_between

# A few MB at a time: one round trip reads thousands, and memory use stays small.
_MOST_AT_ONCE = 5_000


async def in_time_order(
    consumer: AIOKafkaConsumer, starts: Offsets, ends: Offsets
) -> AsyncIterator[list[ConsumerRecord]]:
    """Yield the records between offsets, a few thousand at once.

    Those of one partition stay in its order, whatever their clocks said.

    Raises:
        KafkaError: Kafka does not answer.
    """
    merge = _Merge(place for place, start in starts.items() if start < ends[place])
    if not merge.open:
        return
    consumer.assign(list(merge.open))
    async for got, left in all_between(
        consumer, starts, ends, wanted=lambda _: merge.hungry(), most=_MOST_AT_ONCE
    ):
        merge.open = left
        for place, records in got.items():
            merge.add(place, records)
        if ready := merge.take():
            yield ready


class _Merge:
    """A merge of partitions. `open`: those from which more will come."""

    def __init__(self, places: Iterable[TopicPartition]) -> None:
        self.open = set(places)
        self._waiting: dict[TopicPartition, deque[ConsumerRecord]] = {place: deque() for place in self.open}

    def hungry(self) -> list[TopicPartition]:
        """Return the open partitions of which nothing waits: their next record may be the oldest of all."""
        return [place for place in self.open if not self._waiting[place]]

    def add(self, place: TopicPartition, records: list[ConsumerRecord]) -> None:
        self._waiting[place].extend(records)

    def take(self) -> list[ConsumerRecord]:
        """Return what is known to be older than everything that will come."""
        if self.hungry():
            return []
        heads = [(waiting[0].timestamp, place) for place, waiting in self._waiting.items() if waiting]
        heapq.heapify(heads)
        taken = []
        while heads:
            _, place = heapq.heappop(heads)
            waiting = self._waiting[place]
            taken.append(waiting.popleft())
            if waiting:
                heapq.heappush(heads, (waiting[0].timestamp, place))
            elif place in self.open:
                break
        return taken
