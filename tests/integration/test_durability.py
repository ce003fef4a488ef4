"""Doctor's look at a real Kafka and Postgres: one copy, and committed offsets that the topic no longer has."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from cli.doctor_durability import durability
from schemas.settings import load_settings
from streams.engine.durability import topics
from streams.engine.topics import ensure_topics

_HOURS = 1000.0


async def test_what_is_at_risk_is_said(kafka_bootstrap: str, database_url: str) -> None:
    settings = load_settings(
        {}, kafka_bootstrap_servers=kafka_bootstrap, database_url=database_url, topic_prefix="doctor-", topic_partitions=2
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
