"""What a process does about Kafka when it starts: wait for it and for its topics, for a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from clients.kafka.connection import DENIED, KAFKA_ERRORS, not_allowed
from clients.kafka.rights import check_rights
from clients.kafka.topics import (
    REPARTITION,
    TopicsMissing,
    check_copartitioning,
    has_committed,
    open_admin,
    partition_counts,
    topic_names,
)
from process.waiting import wait_for
from schemas.errors import ConfigurationError, Unavailable
from schemas.rights import Needs
from schemas.settings import Settings
from schemas.topics import WORKER_GROUP

log = structlog.get_logger()
T = TypeVar("T")

# A changed number of partitions is noticed within this plus a request, which costs a broker one small answer.
_LOOK_EVERY_SECONDS = 2.0


async def partition_count(settings: Settings, needs: Needs) -> int:
    """Wait for the topics; return how many partitions each has.

    Raises:
        ConfigurationError: the counts differ, a setting of Kafka's is wrong, or we lack a right that we need.
        Unavailable: Kafka, or a topic, was not there in time.
    """
    await when_kafka_answers(settings, lambda: check_rights(settings, needs))
    counts = await when_kafka_answers(settings, lambda: check_copartitioning(settings))
    return min(counts.values())


async def watch_partitions(settings: Settings, partitions: int) -> None:
    """Watch, until cancelled, that each topic still has as many partitions as at the start.

    Kafka's own clients learn of a change within five minutes, each at a different time; until then a number
    is in two places.

    Raises:
        ConfigurationError: a topic has another number of partitions.
    """
    while True:
        try:
            async with open_admin(settings) as admin:
                while True:
                    _check_still(await partition_counts(admin, topic_names(settings)), partitions)
                    await asyncio.sleep(_LOOK_EVERY_SECONDS)
        except KAFKA_ERRORS:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)  # whoever needs Kafka says that it is away


async def check_known(settings: Settings, known: int, partitions: int) -> None:
    """Check that nobody has added partitions to the `known` ones since workers began to read these topics.

    Raises:
        ConfigurationError: somebody has: newer events of a number that has moved would be read before older
            ones that still wait.
    """
    if 0 < known < partitions and await when_kafka_answers(
        settings, lambda: has_committed(settings, WORKER_GROUP)
    ):
        raise ConfigurationError(f"topics had {known} partitions and have {partitions} now; {REPARTITION}")


def _check_still(counts: dict[str, int], partitions: int) -> None:
    """Check the counts of the topics that are there; whether one is missing is another question."""
    if changed := {name: count for name, count in counts.items() if count != partitions}:
        listed = ", ".join(f"{name}: {count}" for name, count in sorted(changed.items()))
        raise ConfigurationError(
            f"topics had {partitions} partitions and were changed ({listed}); {REPARTITION}"
        )


async def when_kafka_answers(settings: Settings, work: Callable[[], Awaitable[T]]) -> T:
    """Run work that connects to Kafka; retry for a while, as long as Kafka is away or lacks topics.

    Raises:
        ConfigurationError: Kafka denies us access.
        Unavailable: Kafka, or a topic, was not there in time.
    """
    away = (*KAFKA_ERRORS, TopicsMissing)
    try:
        return await wait_for(work, seconds=settings.start_wait_seconds, away=away, say=_say)
    except TopicsMissing as error:
        raise Unavailable(str(error)) from error
    except DENIED as error:
        raise ConfigurationError(not_allowed(settings, [str(error)])) from error
    except KAFKA_ERRORS as error:
        raise Unavailable(_away(settings)) from error


def _away(settings: Settings) -> str:
    protocol = settings.kafka_security_protocol
    hint = ""
    if protocol != "PLAINTEXT":
        hint = f"; it is spoken to by {protocol}, see the KAFKA_SASL and KAFKA_SSL variables"
    servers, seconds = settings.kafka_bootstrap_servers, settings.start_wait_seconds
    return f"KAFKA_BOOTSTRAP_SERVERS: no broker of {servers} answered within {seconds:g} s{hint}"


def _say(error: BaseException | None) -> None:
    if isinstance(error, TopicsMissing):
        log.warning("topics are missing, waiting for `whatsapp-microservice migrate`")
    else:
        log.warning("Kafka does not answer yet", variable="KAFKA_BOOTSTRAP_SERVERS", why=type(error).__name__)
