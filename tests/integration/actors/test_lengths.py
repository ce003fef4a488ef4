"""An answer larger than a Kafka record does not hold up what comes behind it."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from rules.lengths import LARGEST_EVENT, LONGEST_TEXT
from schemas.events import ConversationEvent
from schemas.topics import CONVERSATION_EVENT
from tests.support.actor_worker import ActorWorker, Backend
from tests.support.deadline import eventually
from tests.support.said import said, until_said
from tests.support.simulators import Simulator

_NUMBER = "+573138539155"


async def test_an_answer_without_end_is_ten_messages_and_the_next_one_is_published(
    env: dict[str, str],
    workers: list[ActorWorker],
    backend: Backend,
    twilio: Simulator,
    elevenlabs: Simulator,
) -> None:
    await workers[0].start()
    await workers[0].ready()
    await backend.call(_NUMBER, "conv_1")
    await until_said(twilio, "Hola Ana")
    elevenlabs.steer("settings", {"manner": "endless"})
    await backend.write(_NUMBER, "¿Y?")
    await until_said(twilio, "…")
    elevenlabs.steer("settings", {"manner": "echo"})
    await backend.write(_NUMBER, "¿Cuánto cuesta?")
    await until_said(twilio, "¿Cuánto cuesta?")
    values = await _published(env, answers=3)
    lengths = [event.data.get("full_length") for event in values if event.type == "answered"]
    assert lengths == [None, len("Sigo contándote. ") * 150_000 - 1, None]
    assert sum(map(len, said(twilio)[1:-1])) <= LONGEST_TEXT
    assert await workers[0].stop() == 0


async def _published(env: dict[str, str], answers: int) -> list[ConversationEvent]:
    """Wait until so many answers are in the topic, and return all of it."""
    topic = env["TOPIC_PREFIX"] + CONVERSATION_EVENT
    consumer = AIOKafkaConsumer(
        bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"], auto_offset_reset="earliest"
    )
    await consumer.start()
    values: list[ConversationEvent] = []

    async def look() -> bool:
        found: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=500)
        for record in (each for records in found.values() for each in records):
            assert len(record.value) <= LARGEST_EVENT
            values.append(ConversationEvent.from_json(record.value))
        return sum(event.type == "answered" for event in values) >= answers

    try:
        consumer.assign(
            [TopicPartition(topic, partition) for partition in range(int(env["TOPIC_PARTITIONS"]))]
        )
        await eventually(look)
    finally:
        await consumer.stop()
    return values
