"""Reading the log ends where a write may still be under way, even one that began during the read."""

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
