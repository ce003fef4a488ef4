"""What the settings say about existing topics: differences are reported, and changed where `migrate` may.

aiokafka has only Kafka's older request, which replaces everything that a topic has of its own. So what others
have set there is read first and sent along.
"""

from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, UnsupportedVersionError, for_code

from clients.kafka.connection import DENIED, connection_arguments, not_allowed
from schemas.settings import Settings
from schemas.topics import (
    ALL_TOPICS,
    CONVERSATION_EVENT,
    DEAD_LETTER,
    LARGEST_RECORD,
    STATS_CHANGELOG,
    topic_name,
)

log = structlog.get_logger()

MS_PER_HOUR = 3_600_000
_RETENTION = "retention.ms"
# Recovery reads what is not yet compacted, and the segment being written never is. So segments are small
# and closed every hour.
_CHANGELOG = {
    "cleanup.policy": "compact",
    "segment.ms": str(MS_PER_HOUR),
    "segment.bytes": str(64 * 1024 * 1024),
}
# `config_source` of a topic's own settings, as opposed to those that the broker gives it (Kafka's protocol).
_OWN = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """A topic's configuration that is not what the settings say. `found`: None if the topic does not tell."""

    topic: str
    name: str
    found: str | None
    wanted: str


@dataclass(frozen=True, slots=True)
class Configured:
    """A topic's configuration: `all` of it, and what it has of its `own` rather than from the broker."""

    all: dict[str, str]
    own: dict[str, str]


def wanted_configs(settings: Settings, name: str) -> dict[str, str]:
    """Return a topic's wanted configuration; what the worker makes of the largest records must fit, too."""
    if name == topic_name(settings.topic_prefix, STATS_CHANGELOG):
        return _CHANGELOG
    config = {_RETENTION: str(settings.topic_retention_hours * MS_PER_HOUR)}
    if name.removeprefix(settings.topic_prefix) in (CONVERSATION_EVENT, DEAD_LETTER):
        config["max.message.bytes"] = str(LARGEST_RECORD)
    return config


async def differences(settings: Settings) -> list[Difference]:
    """Return how the service's topics differ from what the settings say; missing topics are not reported.

    Raises:
        KafkaError: Kafka does not answer.
    """
    admin = AIOKafkaAdminClient(**connection_arguments(settings))
    await admin.start()
    try:
        there = set(await admin.list_topics())
        names = [name for topic in ALL_TOPICS if (name := topic_name(settings.topic_prefix, topic)) in there]
        return [each for found in (await _differing(admin, settings, names)).values() for each in found]
    finally:
        await admin.close()


async def configurations(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, Configured]:
    """Return the configuration of each topic that tells it."""
    if not names:
        return {}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        resource[3]: _configured(resource[4])
        for answer in answers
        for resource in answer.resources
        if not resource[0]
    }


async def align(admin: AIOKafkaAdminClient, settings: Settings, names: list[str]) -> None:
    """Change what differs. A broker that cannot, or will not let us, does not prevent a start.

    `doctor` tells what is left.
    """
    try:
        for found in (await _differing(admin, settings, names)).values():
            for each in found:
                await _change(admin, settings, each)
    except (IncompatibleBrokerVersion, UnsupportedVersionError) as error:
        log.warning("topics' configuration cannot be looked at", why=type(error).__name__)


async def _differing(
    admin: AIOKafkaAdminClient, settings: Settings, names: list[str]
) -> dict[str, list[Difference]]:
    found, told = {}, await configurations(admin, names)
    if untold := [name for name in names if name not in told]:
        lacking = not_allowed(settings, [f"DescribeConfigs on topic {name}" for name in untold])
        log.warning("topics' configuration cannot be looked at", why=lacking)
    for name, configured in told.items():
        wanted = wanted_configs(settings, name)
        if other := [
            Difference(name, key, configured.all.get(key), value)
            for key, value in wanted.items()
            if not _is_right(settings, name, key, configured.all.get(key), value)
        ]:
            found[name] = other
    return found


def _is_right(settings: Settings, name: str, key: str, found: str | None, wanted: str) -> bool:
    """Return whether a value is right. A longer `conversation-event` is: it can rebuild a lost database."""
    if key == _RETENTION and found and name == topic_name(settings.topic_prefix, CONVERSATION_EVENT):
        return int(found) < 0 or int(found) >= int(wanted)
    return found == wanted


def _configured(entries: Any) -> Configured:  # noqa: ANN401 - aiokafka's (name, value, read only, source, …)
    return Configured(
        all={entry[0]: entry[1] or "" for entry in entries},
        own={entry[0]: entry[1] or "" for entry in entries if entry[3] == _OWN},
    )


async def _change(admin: AIOKafkaAdminClient, settings: Settings, wanted: Difference) -> None:
    """Change one setting by itself, so that a refused one does not hold back any other."""
    name = wanted.topic
    configs = (await configurations(admin, [name]))[name].own | {wanted.name: wanted.wanted}
    answers = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs)])
    code = next((resource[0] for answer in answers for resource in answer.resources), 0)
    if code:
        error = for_code(code)
        why = not_allowed(settings, [f"AlterConfigs on topic {name}"]) if error in DENIED else error.__name__
        log.warning("topic's configuration cannot be changed", topic=name, name=wanted.name, why=why)
        return
    log.info(
        "topic's configuration is changed",
        topic=name,
        name=wanted.name,
        before=wanted.found,
        now=wanted.wanted,
    )
