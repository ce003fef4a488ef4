"""Creates the topics and checks that they are co-partitioned."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import NamedTuple

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    InvalidConfigurationError,
    KafkaError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    for_code,
)

from clients.kafka.connection import DENIED, connection_arguments, not_allowed
from clients.kafka.topic_configs import align, wanted_configs
from schemas.errors import ConfigurationError
from schemas.settings import Settings
from schemas.topics import ALL_TOPICS, STATS_CHANGELOG, topic_name

log = structlog.get_logger()

# If a new topic's metadata does not reach every broker within this, something is wrong.
_METADATA_SECONDS = 20.0
_METADATA_LOOK_SECONDS = 0.2
# A live broker answers with its metadata in milliseconds.
_ANSWER_SECONDS = 4.0
# A start waits for 30 s in all; a frozen broker must not use them up in one request.
_REQUEST_TIMEOUT_MS = 10_000
# What a broker answers that takes the topic, but not as we want it.
_OF_ITS_SETTINGS = (InvalidConfigurationError, PolicyViolationError)


class TopicsMissing(ConfigurationError):
    """Not all topics exist; another process may be about to create them."""


def topic_names(settings: Settings) -> list[str]:
    """Return the full names of all topics, including the statistics' changelog."""
    return [topic_name(settings.topic_prefix, topic) for topic in (*ALL_TOPICS, STATS_CHANGELOG)]


@asynccontextmanager
async def open_admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client; every use raises one of `KAFKA_ERRORS` when Kafka does not answer."""
    admin = AIOKafkaAdminClient(**connection_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def ensure_topics(settings: Settings) -> None:
    """Create missing topics, and give existing ones the configured retention.

    This is safe to repeat, and to run twice at once.

    Raises:
        ConfigurationError: topics exist with differing partition counts.
    """
    async with open_admin(settings) as admin:
        existing = set(await admin.list_topics())
        names = topic_names(settings)
        there = [name for name in names if name in existing]
        if missing := [name for name in names if name not in existing]:
            found = (await partition_counts(admin, there)).values() if there else ()
            await create_topics(admin, settings, missing, max(found, default=settings.topic_partitions))
        await align(admin, settings, [name for name in there if not name.endswith(STATS_CHANGELOG)])
        check_equal(await until_there(admin, names))


async def until_there(admin: AIOKafkaAdminClient, names: list[str], least: int = 1) -> dict[str, int]:
    """Wait until the brokers report all topics, with at least so many partitions; return their counts."""
    async with asyncio.timeout(_METADATA_SECONDS):
        while (
            len(counts := await partition_counts(admin, names)) < len(names) or min(counts.values()) < least
        ):
            await asyncio.sleep(_METADATA_LOOK_SECONDS)
    return counts


async def delete_topic(admin: AIOKafkaAdminClient, name: str) -> None:
    """Delete a topic and wait until it is gone.

    Raises:
        ConfigurationError: the broker refuses.
    """
    response = await admin.delete_topics([name])
    for _, code in response.topic_error_codes:
        if code:
            raise ConfigurationError(f"topic {name} cannot be deleted: {for_code(code).__name__}")
    async with asyncio.timeout(_METADATA_SECONDS):
        while await partition_counts(admin, [name]):
            await asyncio.sleep(_METADATA_LOOK_SECONDS)


async def partitions_of(settings: Settings, name: str) -> int:
    """Return the partition count of one topic by its full name; 0 if there is no such topic."""
    async with open_admin(settings) as admin:
        return (await partition_counts(admin, [name])).get(name, 0)


async def live_members(settings: Settings, group: str) -> int:
    """Return how many processes are in a consumer group now."""
    async with open_admin(settings) as admin:
        answers = await admin.describe_consumer_groups([topic_name(settings.topic_prefix, group)])
        return sum(len(found[5]) for answer in answers for found in answer.groups)


async def has_committed(settings: Settings, group: str) -> bool:
    """Return whether a consumer group has read from our topics before."""
    async with open_admin(settings) as admin:
        committed = await admin.list_consumer_group_offsets(topic_name(settings.topic_prefix, group))
    names = topic_names(settings)
    return any(place.topic in names and found.offset >= 0 for place, found in committed.items())


async def check_copartitioning(settings: Settings) -> dict[str, int]:
    """Return each topic's partition count.

    Raises:
        ConfigurationError: counts differ.
        TopicsMissing: a topic is missing.
    """
    async with open_admin(settings) as admin:
        counts = await partition_counts(admin, topic_names(settings))
    if missing := sorted(set(topic_names(settings)) - set(counts)):
        raise TopicsMissing(f"topics are missing: {', '.join(missing)}; run `whatsapp-microservice migrate`")
    check_equal(counts)
    return counts


async def broker_answers(settings: Settings) -> bool:
    """Return whether the broker answers with its metadata, over a connection of its own."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS), open_admin(settings):
            return True
    except (KafkaError, TimeoutError, OSError):
        return False


async def create_topics(
    admin: AIOKafkaAdminClient,
    settings: Settings,
    names: Collection[str],
    partitions: int,
    configs_of: Callable[[Settings, str], dict[str, str]] = wanted_configs,
) -> None:
    """Create topics; one that exists by now is left as it is. Settings that the brokers refuse are left out.

    Raises:
        ConfigurationError: the brokers refuse a topic.
    """
    for name in names:
        configs = configs_of(settings, name)
        refused = await _create(admin, settings, name, partitions, configs)
        if refused is not None and refused.error in _OF_ITS_SETTINGS:
            configs = await _accepted(admin, settings, name, partitions, configs)
            refused = await _create(admin, settings, name, partitions, configs)
        if refused is not None:
            raise ConfigurationError(_cannot_be_made(settings, name, refused))


class _Refusal(NamedTuple):
    error: type[KafkaError]
    words: str


async def _create(
    admin: AIOKafkaAdminClient,
    settings: Settings,
    name: str,
    partitions: int,
    configs: dict[str, str],
    *,
    only_ask: bool = False,
) -> _Refusal | None:
    topic = NewTopic(name, partitions, 1, topic_configs=configs)
    # -1: the constructor refuses it, brokers do not.
    topic.replication_factor = settings.topic_replication_factor
    response = await admin.create_topics([topic], validate_only=only_ask)
    [(_, code, *rest)] = response.topic_errors
    error = for_code(code)
    return (
        None
        if not code or error is TopicAlreadyExistsError
        else _Refusal(error, rest[0] or "" if rest else "")
    )


async def _accepted(
    admin: AIOKafkaAdminClient, settings: Settings, name: str, partitions: int, configs: dict[str, str]
) -> dict[str, str]:
    """Return those settings of a topic that the brokers take, and warn about the others."""
    accepted = {}
    for key, value in configs.items():
        refused = await _create(admin, settings, name, partitions, {key: value}, only_ask=True)
        if refused is None:
            accepted[key] = value
        else:
            log.warning(
                "topic's setting is refused and left out",
                topic=name,
                name=key,
                wanted=value,
                why=refused.words,
            )
    return accepted


def _cannot_be_made(settings: Settings, name: str, refused: _Refusal) -> str:
    by_hand = "or have the topics made by hand, as `whatsapp-microservice migrate --print-topics` tells"
    if refused.error in DENIED:
        return f"{not_allowed(settings, [f'Create on topic {name}'])}; allow it, {by_hand}"
    return (
        f"topic {name} cannot be made: {refused.error.__name__} {refused.words}".strip()
        + f"; change it, {by_hand}"
    )


async def partition_counts(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, int]:
    """Return the partition count of each topic that exists."""
    described = await admin.describe_topics(list(names))
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


def check_equal(counts: dict[str, int]) -> None:
    """Check that topics are co-partitioned.

    Raises:
        ConfigurationError: they are not.
    """
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
        raise ConfigurationError(f"topics have differing partition counts ({listed}); {REPARTITION}")


REPARTITION = "stop all processes, run `whatsapp-microservice repartition`, then start them"
"""What to do after the number of partitions has changed."""
