"""A partition without a leader takes nothing: the others' events go to Kafka, its own to the spool."""

import asyncio
from typing import Any, cast

import pytest

from clients.kafka.producer import partition_of
from schemas.errors import Unavailable
from schemas.settings import load_settings
from tests.unit.mailboxes.virtual_time import now, virtual
from web.kafka_link import KafkaLink

PARTITIONS = 8
NUMBERS = [f"+57313853{number:04d}" for number in range(100)]
SILENT = [number for number in NUMBERS if partition_of(number, PARTITIONS) == 3]
OTHERS = [number for number in NUMBERS if partition_of(number, PARTITIONS) != 3]


class Producer:
    """Reaches every partition but the `silent` ones."""

    is_connected = True

    def __init__(self, *silent: int) -> None:
        self.silent = set(silent)
        self.taken: list[str] = []

    async def send(self, topic: str, key: bytes, value: bytes, headers: object) -> None:
        if partition_of(key.decode(), PARTITIONS) in self.silent:
            await asyncio.Event().wait()
        self.taken.append(key.decode())


def connected(producer: Producer) -> KafkaLink:
    link = KafkaLink(load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}))
    link._producer = cast(Any, producer)
    link._judge({PARTITIONS})
    return link


async def took(link: KafkaLink, *keys: str) -> float:
    """Send at once; return how many seconds it took until all were taken or refused."""
    begun = now()
    await asyncio.gather(
        *(link.send("inbound-message", key, b"{}", None) for key in keys), return_exceptions=True
    )
    return now() - begun


@virtual
async def test_others_go_on_and_its_own_do_not_wait_again() -> None:
    producer = Producer(3)
    link = connected(producer)
    assert await took(link, SILENT[0], *OTHERS[:20]) == pytest.approx(3.0)
    assert (link.state, producer.taken) == ("connected", OTHERS[:20])
    assert await took(link, *SILENT[1:5], OTHERS[20]) == 0.0
    with pytest.raises(Unavailable, match="a partition does not answer"):
        await link.send("inbound-message", SILENT[5], b"{}", None)


@virtual
async def test_it_is_asked_again_after_a_moment() -> None:
    producer = Producer(3)
    link = connected(producer)
    await took(link, SILENT[0], OTHERS[0])
    producer.silent.clear()
    await asyncio.sleep(3)
    await took(link, SILENT[1])
    assert producer.taken == [OTHERS[0], SILENT[1]]


@virtual
async def test_where_none_is_taken_meanwhile_kafka_is_away() -> None:
    link = connected(Producer(*range(PARTITIONS)))
    await took(link, *NUMBERS[:10])
    assert link.state == "disconnected"
