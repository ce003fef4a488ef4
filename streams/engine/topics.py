"""Makes the topics and checks that they are co-partitioned."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.errors import ConfigurationError
from schemas.kafka import connection_arguments
from schemas.settings import Settings
from schemas.topics import ALL_TOPICS, topic_name
from streams.engine.topic_configs import align, wanted_configs

# A new topic's metadata reaches every broker within this, or something is wrong.
_METADATA_SECONDS = 20.0
_METADATA_LOOK_SECONDS = 0.2
# A broker that is there tells its metadata in milliseconds.
_ANSWER_SECONDS = 4.0
# A start waits for 30 s in all; a broker that froze must not use them up in one request.
_REQUEST_TIMEOUT_MS = 10_000


class TopicsMissing(ConfigurationError):
    """Not all topics are there; another process may be about to make them."""


async def ensure_topics(settings: Settings) -> None:
    """Make what is missing, and give what is there the configured retention; safe to repeat and to run twice at once.

    Raises:
        ConfigurationError: topics exist with differing partition counts.
    """
    admin = _admin(settings)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        names = [topic_name(settings.topic_prefix, topic) for topic in ALL_TOPICS]
        if missing := [name for name in names if name not in existing]:
            await _create(admin, settings, missing)
        await align(admin, settings, [name for name in names if name in existing])
        async with asyncio.timeout(_METADATA_SECONDS):
            while len(counts := await _partition_counts(admin, names)) < len(names):
                await asyncio.sleep(_METADATA_LOOK_SECONDS)
        _check(counts)
    finally:
        await admin.close()


async def partitions_of(settings: Settings, name: str) -> int:
    """Give the partition count of one topic by its full name; 0 where there is none."""
    admin = AIOKafkaAdminClient(**connection_arguments(settings))
    await admin.start()
    try:
        return (await _partition_counts(admin, [name])).get(name, 0)
    finally:
        await admin.close()


async def live_members(settings: Settings, group: str) -> int:
    """Give how many processes a consumer group has now."""
    admin = AIOKafkaAdminClient(**connection_arguments(settings))
    await admin.start()
    try:
        answers = await admin.describe_consumer_groups([f"{settings.topic_prefix}{group}"])
        return sum(len(found[5]) for answer in answers for found in answer.groups)
    finally:
        await admin.close()


async def check_copartitioning(settings: Settings) -> dict[str, int]:
    """Give each topic's partition count.

    Raises:
        ConfigurationError: counts differ.
        TopicsMissing: a topic is missing.
    """
    admin = _admin(settings)
    try:
        await admin.start()
        names = [topic_name(settings.topic_prefix, topic) for topic in ALL_TOPICS]
        counts = await _partition_counts(admin, names)
    finally:
        await admin.close()
    if missing := sorted(set(names) - set(counts)):
        raise TopicsMissing(f"topics are missing: {', '.join(missing)}; run `whatsapp-microservice migrate`")
    _check(counts)
    return counts


def _admin(settings: Settings) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(**connection_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)


async def broker_answers(settings: Settings) -> bool:
    """Ask the broker for its metadata over a connection of its own."""
    admin = AIOKafkaAdminClient(**connection_arguments(settings))
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await admin.start()
            return True
    except (KafkaError, TimeoutError, OSError):
        return False
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, settings: Settings, names: list[str]) -> None:
    topics = [NewTopic(name, settings.topic_partitions, 1, topic_configs=wanted_configs(settings, name)) for name in names]
    for topic in topics:
        topic.replication_factor = settings.topic_replication_factor  # -1: the constructor refuses it, brokers do not
    response = await admin.create_topics(topics)
    for name, code, *rest in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise ConfigurationError(f"topic {name} cannot be made: {error.__name__} {rest[0] if rest else ''}".strip())


async def _partition_counts(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    described = await admin.describe_topics(names)
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


def _check(counts: dict[str, int]) -> None:
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
        raise ConfigurationError(f"topics have differing partition counts ({listed}); they must be equal")
