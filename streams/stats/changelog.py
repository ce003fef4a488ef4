"""The topic from which the table recovers: made here rather than by Faust, which knows one replica or a fixed number."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from schemas.errors import ConfigurationError
from schemas.kafka import connection_arguments
from schemas.settings import Settings

# Recovery reads what is not compacted yet, and the segment being written never is: small ones, closed every hour.
_CONFIGURATION = {"cleanup.policy": "compact", "segment.ms": "3600000", "segment.bytes": str(64 * 1024 * 1024)}


async def ensure_changelog(settings: Settings, name: str, partitions: int) -> None:
    """Make the topic unless it is there; safe to repeat and to run twice at once.

    Raises:
        ConfigurationError: it has another number of partitions than the topics, or the broker refuses to make it.
    """
    admin = AIOKafkaAdminClient(**connection_arguments(settings))
    await admin.start()
    try:
        if name in await admin.list_topics():
            _check(name, await admin.describe_topics([name]), partitions)
        else:
            await _create(admin, settings, name, partitions)
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, settings: Settings, name: str, partitions: int) -> None:
    topic = NewTopic(name, partitions, 1, topic_configs=_CONFIGURATION)
    topic.replication_factor = settings.topic_replication_factor  # -1: the constructor refuses it, brokers do not
    response = await admin.create_topics([topic])
    for _, code, *rest in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise ConfigurationError(f"topic {name} cannot be made: {error.__name__} {rest[0] if rest else ''}".strip())


def _check(name: str, described: list[dict[str, object]], partitions: int) -> None:
    found = [len(topic["partitions"]) for topic in described if isinstance(topic["partitions"], list)]
    if found and found != [partitions]:
        raise ConfigurationError(f"topic {name} has {found[0]} partitions, the others have {partitions}; delete it")
