"""Records of several partitions, oldest first, each partition in its own order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from clients.kafka.time_order import in_time_order

P0, P1, P2 = (TopicPartition("t", number) for number in range(3))


@dataclass(frozen=True)
class Record:
    offset: int
    timestamp: int


class Consumer:
    """Gives one partition's records at a poll, two at most, and none of those that nobody asks for."""

    def __init__(
        self, records: Mapping[TopicPartition, list[int]], missing: frozenset[int] = frozenset()
    ) -> None:
        self._records = {
            place: [Record(offset, at) for offset, at in enumerate(times) if offset not in missing]
            for place, times in records.items()
        }
        self._positions = dict.fromkeys(records, 0)
        self.paused: set[TopicPartition] = set()
        #: So many polls from now on come back empty, as from a broker that stands still.
        self.silent = 0
        #: Partitions whose leader does not answer.
        self.leaderless: set[TopicPartition] = set()

    def assign(self, places: list[TopicPartition]) -> None:
        self._assigned = set(places)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._positions[place] = offset

    def pause(self, place: TopicPartition) -> None:
        self.paused.add(place)

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self.leaderless & set(places):
            raise KafkaTimeoutError
        return {place: len(self._records[place]) for place in places}

    async def position(self, place: TopicPartition) -> int:
        return self._positions[place]

    async def getmany(
        self, *places: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Record]]:
        assert places, "without names all would be meant"
        if self.silent:
            self.silent -= 1
            return {}
        for place in [each for each in places if each not in self.leaderless]:
            if found := [each for each in self._records[place] if each.offset >= self._positions[place]][:2]:
                self._positions[place] = found[-1].offset + 1
                return {place: found}
        return {}


async def _read(
    consumer: Consumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> list[int]:
    batches = in_time_order(cast(AIOKafkaConsumer, consumer), starts, ends)
    return [record.timestamp async for batch in batches for record in batch]


async def test_the_oldest_comes_first_wherever_it_lies() -> None:
    consumer = Consumer({P0: [1, 4, 5, 9], P1: [2, 3, 10, 11], P2: [6, 7, 8]})
    ends = {P0: 4, P1: 4, P2: 3}
    assert await _read(consumer, dict.fromkeys(ends, 0), ends) == list(range(1, 12))
    assert consumer.paused == set(ends)


async def test_a_partition_keeps_its_order_whatever_its_clocks_said() -> None:
    consumer = Consumer({P0: [5, 1, 7], P1: [4, 6]})
    found = await _read(consumer, {P0: 0, P1: 0}, {P0: 3, P1: 2})
    assert [each for each in found if each in (5, 1, 7)] == [5, 1, 7]
    assert sorted(found) == [1, 4, 5, 6, 7]


async def test_only_what_lies_between_the_offsets_is_read() -> None:
    consumer = Consumer({P0: [1, 2, 3, 4], P1: [5, 6]})
    assert await _read(consumer, {P0: 1, P1: 0}, {P0: 3, P1: 0}) == [2, 3]
    assert await _read(consumer, {P1: 2}, {P1: 2}) == []


async def test_a_partition_that_ends_without_a_record_holds_nobody_up() -> None:
    consumer = Consumer({P0: [1, 2, 3], P1: [4, 5]}, missing=frozenset({2}))
    assert await _read(consumer, {P0: 0, P1: 0}, {P0: 3, P1: 2}) == [1, 2, 4, 5]


@pytest.mark.parametrize("polls", [20, 22])
async def test_a_broker_that_stood_still_for_long_gives_the_rest_when_it_goes_on(polls: int) -> None:
    consumer = Consumer({P0: [1, 3, 5, 7], P1: [2, 4, 6, 8]})
    consumer.silent = polls
    assert await _read(consumer, {P0: 0, P1: 0}, {P0: 4, P1: 4}) == list(range(1, 9))


async def test_a_partition_without_a_leader_is_an_error_and_not_the_end() -> None:
    consumer = Consumer({P0: [1, 3, 5, 7], P1: [2, 4, 6, 8]})
    consumer.leaderless.add(P1)
    with pytest.raises(KafkaTimeoutError):
        await _read(consumer, {P0: 0, P1: 0}, {P0: 4, P1: 4})
