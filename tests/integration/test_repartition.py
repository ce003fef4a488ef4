"""Records that a topic took compressed are moved, or stay and are named: none counts as read unmoved."""

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from clients.kafka.codecs import LARGEST_BATCH
from clients.kafka.connection import producer_arguments
from clients.kafka.repartition import Source, copy
from clients.kafka.topics import open_admin
from schemas.errors import ConfigurationError
from schemas.settings import Settings
from schemas.topics import INBOUND_MESSAGE, WORKER_GROUP, topic_name
from tests.support.servers import kafka_source

# Three times what Kafka lets a topic take by default, before it is compressed.
_LARGE = b"x" * (3 * 1024 * 1024)


async def _write(settings: Settings, value: bytes) -> str:
    name = topic_name(settings.topic_prefix, INBOUND_MESSAGE)
    arguments = producer_arguments(settings) | {"max_request_size": LARGEST_BATCH, "compression_type": "gzip"}
    async with AIOKafkaProducer(**arguments) as producer:
        await producer.send_and_wait(name, value, b"k")
    return name


async def test_what_was_taken_compressed_is_moved(settings: Settings) -> None:
    await _write(settings, _LARGE)
    async with Source.of(settings, WORKER_GROUP) as source:
        waiting = await source.waiting(INBOUND_MESSAGE, settings.topic_partitions)
        assert await copy(settings, source, waiting) == 1
        moved = await source.waiting(INBOUND_MESSAGE, settings.topic_partitions)
        values = [record.value async for records in source.records(moved) for record in records]
    assert values == [_LARGE]


@pytest.mark.skipif(kafka_source() == "embedded", reason="the embedded broker bounds no record")
async def test_what_a_topic_refuses_stays_and_is_named(settings: Settings) -> None:
    name = await _write(settings, b"hola")
    async with open_admin(settings) as admin:
        config = ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": "10"})
        await admin.alter_configs([config])
    async with Source.of(settings, WORKER_GROUP) as source:
        waiting = await source.waiting(INBOUND_MESSAGE, settings.topic_partitions)
        with pytest.raises(
            ConfigurationError, match=f"{name}/[0-9]+/0 is larger than it takes; raise .*max.message"
        ):
            await copy(settings, source, waiting)
        assert (await source.waiting(INBOUND_MESSAGE, settings.topic_partitions)).count == 1
