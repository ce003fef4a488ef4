"""What a Faust process does at its start: waits for Kafka and its topics and for its port, each for a bounded time."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from aiohttp import web
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_fixed

from schemas.errors import Unavailable
from schemas.settings import Settings
from streams.engine.topics import TopicsMissing, check_copartitioning

log = structlog.get_logger()
T = TypeVar("T")

_LOOK_SECONDS = 1.0
_IS_AWAY = (KafkaError, OSError, TimeoutError)


async def partition_count(settings: Settings) -> int:
    """Wait for the topics; gives how many partitions each has.

    Raises:
        ConfigurationError: the counts differ, or a setting of Kafka's is wrong.
        Unavailable: Kafka, or a topic, was not there in time.
    """
    counts = await when_kafka_answers(settings, lambda: check_copartitioning(settings))
    return min(counts.values())


async def when_kafka_answers(settings: Settings, work: Callable[[], Awaitable[T]]) -> T:
    """Do work that connects to Kafka; again and again for a while, as long as it is away or lacks topics.

    Raises:
        Unavailable: it was not there in time.
    """

    async def attempt() -> T:
        return await work()

    attempts = AsyncRetrying(
        retry=retry_if_exception_type((*_IS_AWAY, TopicsMissing)),
        stop=stop_after_delay(settings.start_wait_seconds), wait=wait_fixed(_LOOK_SECONDS), before_sleep=_say, reraise=True,
    )  # fmt: skip
    try:
        return await attempts(attempt)
    except TopicsMissing as error:
        raise Unavailable(str(error)) from error
    except _IS_AWAY as error:
        raise Unavailable(_away(settings)) from error


def _away(settings: Settings) -> str:
    protocol = settings.kafka_security_protocol
    hint = "" if protocol == "PLAINTEXT" else f"; it is spoken to by {protocol}, see the KAFKA_SASL and KAFKA_SSL variables"
    servers, seconds = settings.kafka_bootstrap_servers, settings.start_wait_seconds
    return f"KAFKA_BOOTSTRAP_SERVERS: no broker of {servers} answered within {seconds:g} s{hint}"


def _say(attempt: RetryCallState) -> None:
    error = attempt.outcome.exception() if attempt.outcome else None
    if isinstance(error, TopicsMissing):
        log.warning("topics are missing, waiting for `whatsapp-microservice migrate`")
    else:
        log.warning("Kafka does not answer yet", variable="KAFKA_BOOTSTRAP_SERVERS", why=type(error).__name__)


async def serve(application: web.Application, port: int, variable: str, settings: Settings) -> web.AppRunner:
    """Serve a process's views; a port that is taken may be a predecessor's who is finishing his work.

    Raises:
        Unavailable: the port stays taken, or may not be listened on.
    """
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()

    async def listen() -> None:
        await web.TCPSite(runner, port=port).start()

    attempts = AsyncRetrying(
        retry=retry_if_exception_type(OSError), stop=stop_after_delay(settings.start_wait_seconds),
        wait=wait_fixed(_LOOK_SECONDS),
        before_sleep=lambda _: log.warning("port is taken, trying again", variable=variable, port=port), reraise=True,
    )  # fmt: skip
    try:
        await attempts(listen)
    except OSError as error:
        await runner.cleanup()
        raise Unavailable(f"{variable}: {port} cannot be listened on ({error.strerror})") from error
    return runner
