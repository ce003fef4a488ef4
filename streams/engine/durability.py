"""What Kafka's settings would lose silently: replicas, elections, retention, and offsets that are gone."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from clients.kafka.connection import connection_arguments, consumer_arguments
from clients.kafka.topic_configs import MS_PER_HOUR, configurations
from schemas.settings import Settings
from schemas.topics import ALL_TOPICS, topic_name
from streams.engine.offsets import told

_SAFE_REPLICAS = 3
_SAFE_IN_SYNC = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What Kafka says of a topic. `replicas`: any partition's fewest; `retention_hours`: None is forever."""

    name: str
    replicas: int
    in_sync: int
    unclean: bool
    retention_hours: float | None


def risks(topics: list[Topic], *, remembered_hours: float) -> list[tuple[str, str]]:
    """Return risks and what to do about them. Pure. `remembered_hours`: how long event ids are kept."""
    found = []
    for topic in topics:
        if topic.replicas < _SAFE_REPLICAS:
            advice = (
                "a lost disk loses events: "
                "3 brokers and TOPIC_REPLICATION_FACTOR=3 (one machine has one copy)"
            )
            found.append((f"{topic.name}: {topic.replicas} replica(s)", advice))
        elif topic.in_sync < _SAFE_IN_SYNC:
            found.append(
                (
                    f"{topic.name}: min.insync.replicas={topic.in_sync}",
                    "set it to 2, so that acks=all means two disks",
                )
            )
        if topic.unclean:
            found.append(
                (
                    f"{topic.name}: unclean.leader.election.enable=true",
                    "set it to false: it drops acknowledged events",
                )
            )
        if (math.inf if topic.retention_hours is None else topic.retention_hours) > remembered_hours:
            kept = "without end" if topic.retention_hours is None else f"{topic.retention_hours:.0f} h"
            advice = (
                f"keep ids as long (they are remembered {remembered_hours:.0f} h): "
                "an older event would be done again"
            )
            found.append((f"{topic.name}: kept {kept}", advice))
    return found


async def topics(settings: Settings) -> list[Topic]:
    """Ask Kafka about the service's topics.

    Raises:
        KafkaError: it does not answer.
    """
    names = [topic_name(settings.topic_prefix, topic) for topic in ALL_TOPICS]
    admin = AIOKafkaAdminClient(**connection_arguments(settings))
    await admin.start()
    try:
        described = {
            topic["topic"]: topic for topic in await admin.describe_topics(names) if not topic["error_code"]
        }
        configured = await configurations(admin, list(described))
    finally:
        await admin.close()
    return [
        _topic(name, described[name], configured[name].all if name in configured else {})
        for name in described
    ]


def _topic(name: str, described: dict[str, Any], values: dict[str, str]) -> Topic:
    retention = int(values.get("retention.ms") or -1)
    return Topic(
        name=name,
        replicas=min(len(partition["replicas"]) for partition in described["partitions"]),
        in_sync=int(values.get("min.insync.replicas") or 1),
        unclean=values.get("unclean.leader.election.enable") == "true",
        retention_hours=None if retention < 0 else retention / MS_PER_HOUR,
    )


async def lost_offsets(settings: Settings, group: str, read: Collection[str]) -> list[str]:
    """List a group's committed offsets that Kafka no longer has, or not yet (a recreated topic)."""
    admin = AIOKafkaAdminClient(**connection_arguments(settings))
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(f"{settings.topic_prefix}{group}")
    finally:
        await admin.close()
    names = {topic_name(settings.topic_prefix, topic) for topic in read}
    wanted = {
        place: offset.offset
        for place, offset in committed.items()
        if place.topic in names and offset.offset >= 0
    }
    if not wanted:  # a consumer closed before its tasks have begun raises CancelledError
        return []
    async with AIOKafkaConsumer(**consumer_arguments(settings)) as consumer:
        beginnings = await consumer.beginning_offsets(list(wanted))
        ends = await consumer.end_offsets(list(wanted))
    return [
        told(f"{place.topic}/{place.partition}", (offset, beginnings[place], ends[place]))
        for place, offset in sorted(wanted.items())
        if not beginnings[place] <= offset <= ends[place]
    ]
