"""`doctor` on a real Kafka and Postgres: a single copy, committed offsets that the topic no longer has."""

import uuid

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cli.doctor_checks import durability
from clients.kafka.topic_configs import differences
from clients.kafka.topics import ensure_topics
from schemas.settings import Settings, load_settings
from schemas.topics import ALL_TOPICS, CONVERSATION_EVENT
from streams.engine.durability import topics

_HOURS = 1000.0


async def test_what_is_at_risk_is_said(kafka_bootstrap: str, database_url: str) -> None:
    settings = load_settings(
        {},
        kafka_bootstrap_servers=kafka_bootstrap,
        database_url=database_url,
        topic_prefix="doctor-",
        topic_partitions=2,
    )
    await ensure_topics(settings)
    found = await topics(settings)
    assert {(topic.replicas, topic.retention_hours) for topic in found} == {(1, 336.0)}
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        await producer.send_and_wait("doctor-inbound-message", b"x", partition=0)
    place = TopicPartition("doctor-inbound-message", 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka_bootstrap, group_id="doctor-whatsapp-worker", enable_auto_commit=False
    ) as consumer:
        consumer.assign([place])
        await consumer.commit({place: 1})
        said = [finding.found for finding in await durability(settings, _HOURS)]
        assert not any("committed" in each for each in said)
        await consumer.commit({place: 99})
    said = [finding.found for finding in await durability(settings, _HOURS)]
    assert "doctor-inbound-message/0: committed 99, kept 0 to 1" in said
    assert "doctor-inbound-message: 1 replica(s)" in said
    short = [finding.found for finding in await durability(settings, 1.0) if finding.advice]
    assert "doctor-call-completed: kept 336 h" in short


async def test_another_retention_is_told_by_doctor_and_set_by_migrate(kafka_bootstrap: str) -> None:
    prefix = f"r{uuid.uuid4().hex[:8]}."

    def kept_for(hours: int) -> Settings:
        settings = {"kafka_bootstrap_servers": kafka_bootstrap, "topic_prefix": prefix, "topic_partitions": 2}
        return load_settings({}, topic_retention_hours=hours, **settings)

    await ensure_topics(kept_for(48))
    assert await differences(kept_for(48)) == []
    await _set(
        kafka_bootstrap, f"{prefix}dead-letter", {"retention.ms": "172800000", "segment.bytes": "1048576"}
    )
    said = [finding for finding in await durability(kept_for(24), _HOURS) if "retention.ms" in finding.found]
    assert len(said) == 5  # conversation-event may be kept longer
    assert (said[0].found, said[0].advice) == (
        f"{prefix}call-completed: retention.ms=172800000, by the settings 86400000",
        "run `migrate`",
    )
    for _ in range(2):
        await ensure_topics(kept_for(24))
    assert await differences(kept_for(24)) == []
    kept = {topic.name.removeprefix(prefix): topic.retention_hours for topic in await topics(kept_for(24))}
    assert kept == dict.fromkeys(ALL_TOPICS, 24.0) | {CONVERSATION_EVENT: 48.0}
    await ensure_topics(kept_for(96))
    assert {topic.retention_hours for topic in await topics(kept_for(96))} == {96.0}
    # What somebody else has set stays, and what was lost comes back.
    letters = await _configs(kafka_bootstrap, f"{prefix}dead-letter")
    assert (letters["segment.bytes"], letters["max.message.bytes"]) == ("1048576", "4194304")


async def _set(bootstrap: str, topic: str, configs: dict[str, str]) -> None:
    """As another tool might, leaving out what it does not name."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
    finally:
        await admin.close()


async def _configs(bootstrap: str, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    return {entry[0]: entry[1] for resource in answer.resources for entry in resource[4]}
