"""Replays as operators request them: the product's session on a simulated reader."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import KafkaError

from db.pool import POSTGRES_ERRORS
from schemas.topics import CALL_COMPLETED, INBOUND_MESSAGE, MESSAGE_STATUS
from streams.replay.reader import Record
from streams.replay.session import Order, Session
from streams.replay.window import Window
from tests.universe.kafka import Producer, Stored
from tests.universe.postgres import Way
from tests.universe.worker import Services
from tests.universe.world import Process

TOPICS = (INBOUND_MESSAGE, CALL_COMPLETED, MESSAGE_STATUS)
_RATE = 200.0
_A_BATCH = 50


class Reader:
    """A window of a topic as of the beginning of the reading, oldest first."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    async def batches(self) -> AsyncIterator[list[Record]]:
        for place in range(0, len(self._records), _A_BATCH):
            yield list(self._records[place : place + _A_BATCH])


async def replay(services: Services, process: Process, topic: str, number: int) -> None:
    """Replay a whole topic in mode `resume`: what is done stays done. It may be interrupted at any time."""
    pool: Any = Way(services.postgres, process)
    producer: Any = Producer(services.kafka, process)
    reader: Any = Reader(_records(services, topic))
    order = Order(topic=topic, window=Window(), mode="resume", rate=_RATE)
    try:
        await Session(services.settings, pool, order, f"replay-{number}", {}, {}).publish(
            reader, producer, lambda done: None
        )
    except (KafkaError, *POSTGRES_ERRORS) as error:
        services.world.note("replay ends", number, type(error).__name__)
    process.kill()


def _records(services: Services, topic: str) -> list[Record]:
    found = [stored for place, log in services.kafka.log.items() if place.topic == topic for stored in log]
    found.sort(key=lambda each: (each.timestamp, each.partition, each.offset))
    return [_record(each) for each in found]


def _record(stored: Stored) -> Record:
    at = datetime.fromtimestamp(stored.timestamp, UTC)
    return Record(stored.topic, stored.partition, stored.offset, stored.key, stored.value, at, stored.headers)
