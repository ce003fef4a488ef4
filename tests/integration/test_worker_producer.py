"""The worker's producer after errors that end it: a sequence gap, as a timed-out batch leaves it."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumber

from clients.kafka.producer import Producer
from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT, LARGEST_RECORD, topic_name

_RECORDS = [(b"k", b"one", ()), (b"k", b"two", ())]


def break_sequence(producer: Producer, settings: Settings) -> None:
    for partition in range(settings.topic_partitions):
        place = TopicPartition(topic_name(settings.topic_prefix, CONVERSATION_EVENT), partition)
        producer._producer._txn_manager.increment_sequence_number(place, 7)


async def test_a_producer_that_can_bring_nothing_more_is_replaced(settings: Settings) -> None:
    producer = Producer(settings)
    await producer.start()
    try:
        await producer.send_marked(CONVERSATION_EVENT, _RECORDS)
        first = producer._producer
        break_sequence(producer, settings)
        sending = [producer.send_marked(CONVERSATION_EVENT, _RECORDS) for _ in range(3)]
        ends = await asyncio.gather(*sending, return_exceptions=True)
        assert any(isinstance(end, OutOfOrderSequenceNumber) for end in ends)
        assert producer._producer is not first
        await producer.send_marked(CONVERSATION_EVENT, _RECORDS)
    finally:
        await producer.stop()


async def test_one_record_that_is_too_large_ends_no_producer(settings: Settings) -> None:
    producer = Producer(settings)
    await producer.start()
    try:
        first = producer._producer
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send(CONVERSATION_EVENT, b"k", b"x" * (LARGEST_RECORD + 1))
        assert producer._producer is first
        await producer.send(CONVERSATION_EVENT, b"k", b"v")
    finally:
        await producer.stop()
