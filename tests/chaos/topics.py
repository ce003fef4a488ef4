"""The broker as an outsider sees it: records put under any key on any partition, counts, and what a group has committed."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

WORKER_GROUP = "whatsapp-worker"
MESSAGES = "inbound-message"
DEAD_LETTERS = "dead-letter"
_PASS_MS = 500


@dataclass(frozen=True, slots=True)
class Record:
    """What is produced. `partition` None: where the key belongs."""

    topic: str
    value: bytes | None
    key: bytes | None
    partition: int | None = None


async def produce(bootstrap: str, records: Sequence[Record]) -> None:
    """Put records and wait until all are there, in their order per partition."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sends = [await producer.send(r.topic, r.value, r.key, r.partition) for r in records]
        for sent in sends:
            await sent
    finally:
        await producer.stop()


async def count(bootstrap: str, topic: str) -> int:
    """Tell how many records a topic has ever had."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(await _partitions(consumer, topic))
        return sum(ends.values())
    finally:
        await consumer.stop()


async def uncommitted(bootstrap: str) -> list[bytes]:
    """Give the messages that the worker's group would be given again: those behind its committed offsets."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=WORKER_GROUP, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = await _partitions(consumer, MESSAGES)
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


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    await consumer.topics()  # metadata of a topic that nobody subscribed to
    return [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
