"""What leaves for Kafka, in which order, and what holds it up.

Reading the log ends where a write may still be under way, even one that began during the read.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from db.store.ownership import Claim
from schemas.rows import LogRow
from streams.actors.publisher import Publisher
from tests.support.chat import START


def row(sequence: int) -> LogRow:
    return LogRow(number=sequence, sequence=sequence, type="received", at=START, data={"data": {}})


class Postgres:
    """Its answer shows what was committed last, and not what began before that."""

    def __init__(self) -> None:
        self.publisher: Publisher | None = None
        self.log = [1, 2]

    def is_closing(self) -> bool:
        return False

    async def fetch(self, query: str, partition: int, after: int, most: int) -> list[Mapping[str, Any]]:
        assert self.publisher is not None
        if self.log == [1, 2]:
            for sequence in (3, 4):
                assert self.publisher.next_sequence(0, 1) == sequence
                self.publisher.begun(0, 1, [row(sequence)])
            self.log.append(4)
        place = {"phone_number": "+57", "conversation_id": 1, "partition": 0, "type": "received", "at": START}
        return [
            {**place, "number": each, "sequence": each, "data": {"data": {}}}
            for each in self.log
            if each > after
        ]


class Kafka:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send_marked(self, topic: str, records: list[tuple[bytes, bytes, Any]]) -> None:
        self.sent += [value.partition(b'"number":')[2].partition(b",")[0] for _, value, _ in records]


async def test_what_begins_while_the_log_is_read_is_not_overtaken() -> None:
    postgres, kafka = Postgres(), Kafka()
    publisher = Publisher(cast(Any, postgres), cast(Any, kafka), dict, lambda: 0.0)
    postgres.publisher = publisher
    publisher.assigned({0: Claim(partition=0, epoch=1, sequence=2, published=0)})
    await publisher.flush()
    assert kafka.sent == [b"1", b"2"]
    postgres.log = [1, 2, 3, 4]
    for sequence in (4, 3):
        publisher.written(0, 1, "+57", [(row(sequence), 1)])
    await publisher.flush()
    assert kafka.sent == [b"1", b"2", b"3", b"4"]


async def test_what_a_write_of_an_older_epoch_comes_to_touches_nothing_of_the_new_one() -> None:
    """Its answer came after the partition had left and come back; its sequences are others' by now."""
    postgres, kafka = Postgres(), Kafka()
    publisher = Publisher(cast(Any, postgres), cast(Any, kafka), dict, lambda: 0.0)
    postgres.publisher, postgres.log = publisher, []
    publisher.assigned({0: Claim(partition=0, epoch=1, sequence=2, published=2)})
    assert publisher.next_sequence(0, 1) == 3
    publisher.begun(0, 1, [row(3)])
    publisher.assigned({0: Claim(partition=0, epoch=3, sequence=2, published=2)})
    await publisher.flush()
    assert publisher.next_sequence(0, 3) == 3
    publisher.begun(0, 3, [row(3)])
    publisher.written(0, 3, "+57", [(row(3), 1)])
    publisher.refused(0, 1, [row(3)])
    assert publisher.next_sequence(0, 1) == 0
    await publisher.flush()
    assert kafka.sent == [b"3"]


class SlowPostgres(Postgres):
    """Its first answer is older than a write that ends, and wakes the publisher, before the answer comes."""

    def __init__(self) -> None:
        super().__init__()
        self.log = [2]

    async def fetch(self, query: str, partition: int, after: int, most: int) -> list[Mapping[str, Any]]:
        answer = await super().fetch(query, partition, after, most)
        if self.log == [2]:
            self.log = [1, 2]
            assert self.publisher is not None
            self.publisher.written(0, 1, "+57", [(row(1), 1)])
            await woken(self.publisher)
        return answer


async def woken(publisher: Publisher) -> None:
    """Wait until the publisher has noticed what was written."""
    while publisher._wakes.is_set():  # noqa: SLF001 - how it notices is nobody else's business
        await asyncio.sleep(0)
    # it gathers for a moment after that
    while not any(tail.is_woken for tail in publisher._tails.values()):  # noqa: SLF001
        await asyncio.sleep(0)


class OneLeaderless(Kafka):
    """A Kafka in which the partition of one number has no leader."""

    def __init__(self, silent: str) -> None:
        super().__init__()
        self._silent = silent.encode()
        self.arrived = asyncio.Event()

    async def send_marked(self, topic: str, records: list[tuple[bytes, bytes, Any]]) -> None:
        if records[0][0] == self._silent:
            await asyncio.Event().wait()
        await super().send_marked(topic, records)
        self.arrived.set()


def write(publisher: Publisher, partition: int, key: str) -> None:
    sequence = publisher.next_sequence(partition, 1)
    publisher.begun(partition, 1, [row(sequence)])
    publisher.written(partition, 1, key, [(row(sequence), 1)])


async def test_a_partition_without_a_leader_holds_up_its_own_events_alone() -> None:
    postgres, kafka = Postgres(), OneLeaderless("+1")
    publisher = Publisher(cast(Any, postgres), cast(Any, kafka), dict, lambda: 0.0)
    postgres.publisher, postgres.log = publisher, []
    publisher.assigned({each: Claim(partition=each, epoch=1, sequence=0, published=0) for each in (0, 1)})
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        working = group.create_task(publisher.work())
        write(publisher, 0, "+1")
        for sent in ([b"1"], [b"1", b"2"], [b"1", b"2", b"3"]):
            write(publisher, 1, "+2")
            await kafka.arrived.wait()
            kafka.arrived.clear()
            assert kafka.sent == sent
        assert publisher.unpublished == 1
        working.cancel()


async def test_what_is_written_while_the_log_is_read_for_long_leaves_without_another_write() -> None:
    """The read sees 2 and not yet 1, which ends before the read does; nobody writes after that."""
    postgres, kafka = SlowPostgres(), OneLeaderless("")
    publisher = Publisher(cast(Any, postgres), cast(Any, kafka), dict, lambda: 0.0)
    publisher.assigned({0: Claim(partition=0, epoch=1, sequence=0, published=0)})
    postgres.publisher = publisher
    for sequence in (1, 2):
        assert publisher.next_sequence(0, 1) == sequence
        publisher.begun(0, 1, [row(sequence)])
    publisher.written(0, 1, "+57", [(row(2), 1)])
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        working = group.create_task(publisher.work())
        await kafka.arrived.wait()
        assert kafka.sent == [b"1", b"2"]
        working.cancel()
