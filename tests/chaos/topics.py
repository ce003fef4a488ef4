"""The broker as an outsider sees it: records under any key on any partition, counts, a group's commits."""

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from clients.kafka.records import mend_records
from schemas.settings import load_settings
from tests.chaos.clients import SENDER, Written

PARTITIONS = load_settings({}).topic_partitions
WORKER_GROUP = "whatsapp-worker"
EVENTS = "conversation-event"
MESSAGES = "inbound-message"
DEAD_LETTERS = "dead-letter"
_PASS_MS = 500


@dataclass(frozen=True, slots=True)
class Record:
    """What is produced."""

    topic: str
    value: bytes | None
    key: bytes | None
    #: None: where the key belongs.
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def message(written: Written) -> Record:
    """Return the event that web makes of a client's message."""
    params = {
        "MessageSid": written.sid,
        "From": f"whatsapp:{written.number}",
        "To": SENDER,
        "Body": written.text,
    }
    event = {"event_id": written.sid, "received_at": datetime.now(UTC).isoformat(), "params": params}
    return Record(MESSAGES, json.dumps(event).encode(), written.number.encode())


async def produce(bootstrap: str, records: Sequence[Record], codec: str | None = None) -> None:
    """Produce records, compressed or not, and wait until all are there, in their order per partition."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, compression_type=codec
    )
    await producer.start()
    try:
        sends = [
            await producer.send(r.topic, r.value, r.key, r.partition, headers=list(r.headers))
            for r in records
        ]
        for sent in sends:
            await sent
    finally:
        await producer.stop()


async def values(bootstrap: str, topic: str) -> list[bytes]:
    """Return everything in a topic, poison included."""
    mend_records()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = _partitions(topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        return await _read(consumer, await consumer.end_offsets(partitions))
    finally:
        await consumer.stop()


async def letters(bootstrap: str) -> list[dict[str, Any]]:
    """Return the dead letters, each with its `key` as text, without what is not one."""
    found = []
    for value in await values(bootstrap, DEAD_LETTERS):
        with suppress(ValueError, TypeError, KeyError):  # the poison in that topic itself
            letter = json.loads(value)
            key = base64.b64decode(letter["key_base64"] or "").decode(errors="replace")
            found.append({"topic": letter["topic"], "reason": letter["reason"], "key": key})
    return found


async def uncommitted(bootstrap: str) -> list[bytes]:
    """Return the messages after the committed offsets: the worker's group would be given them again."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=WORKER_GROUP, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = _partitions(MESSAGES)
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, await consumer.committed(partition) or 0)
        ends = await consumer.end_offsets(partitions)
        return await _read(consumer, ends)
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> list[bytes]:
    values: list[bytes] = []
    while any([await consumer.position(partition) < end for partition, end in ends.items()]):
        for records in (await consumer.getmany(timeout_ms=_PASS_MS)).values():
            values += [record.value for record in records if record.value]
    return values


def _partitions(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(PARTITIONS)]
