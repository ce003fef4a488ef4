"""The connection to Kafka: an idempotent producer, kept connected, and what is known of the brokers."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from opentelemetry.trace import SpanKind

from clients.bounds import within
from clients.kafka.connection import DENIED, KAFKA_ERRORS, ends_a_producer, producer_arguments
from clients.kafka.rights import check_rights
from clients.kafka.topics import REPARTITION
from process.tracing import span, trace_headers
from schemas.errors import ConfigurationError, Unavailable
from schemas.events import TAKEN_UP
from schemas.rights import WEB
from schemas.settings import Settings
from schemas.topics import DEAD_LETTER, REQUEST_ID_HEADER, topic_name

log = structlog.get_logger()

# Twilio gives up after 15 s and the backend after 10 s; what remains is for Postgres.
_PUBLISH_SECONDS = 3.0
_CONNECT_SECONDS = 5.0
# The client drops a connection whose request has no answer for so long; ours must not stop waiting before, or a
# connection to a host that vanished would be kept for ever.
_REQUEST_SECONDS = 2.0
# An outage must show in health within 10 s.
_PROBE_SECONDS = 2.5
_CLOSE_SECONDS = 3.0

_OURS = (*TAKEN_UP, DEAD_LETTER)


class KafkaLink:
    """Sends, and knows whether that makes sense: `state` is "connected", "disconnected" or "error" (topics are missing, or
    have another number of partitions than when this process first saw them, or we may not use them).

    An idempotent producer of aiokafka never gives a record up: one that we stopped waiting for may still arrive, after
    its copy from the spool. It is then a repetition, and the events' ids make it harmless.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._arguments = producer_arguments(settings)
        self._topics = {topic: topic_name(settings.topic_prefix, topic) for topic in _OURS}
        self._producer: AIOKafkaProducer | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._partitions: int | None = None
        self._problem = ""
        self._is_allowed = False
        self.state = "disconnected"

    @property
    def answers(self) -> bool:
        return self.state == "connected"

    async def send(
        self,
        topic: str,
        key: str,
        value: bytes,
        request_id: str | None,
        marks: Sequence[tuple[str, bytes]] = (),
        *,
        trace: str | None = None,
    ) -> None:
        """Publish a record; return when all in-sync replicas have it.

        `marks`: further headers; `trace`: in which the event came, where that is not the one that is open here.

        Raises:
            Unavailable: not known to have been stored; it may still be.
        """
        producer = self._producer
        if producer is None or self._problem:
            raise Unavailable(self._problem or "Kafka does not answer")
        identity = [(REQUEST_ID_HEADER, request_id.encode())] if request_id else []
        try:
            with span(f"publish {topic}", SpanKind.PRODUCER, trace):
                headers = [*identity, *marks, *trace_headers()]
                async with asyncio.timeout(_PUBLISH_SECONDS):
                    await producer.send_and_wait(self._topics[topic], value, key.encode(), headers=headers)
        except KAFKA_ERRORS as error:
            self._is_allowed = self._is_allowed and not isinstance(error, DENIED)
            self._note("disconnected", error)
            self._retire_if_broken(producer, error)
            raise Unavailable("Kafka does not answer") from error

    async def keep(self) -> None:
        """Connect, or look whether the brokers still answer and have the topics."""
        try:
            if self._producer is None:
                self._producer = await self._connected()
            if not self._is_allowed:
                await within(_CONNECT_SECONDS, check_rights(self._settings, WEB))
                self._is_allowed = True
            cluster = await within(_PROBE_SECONDS, self._producer.client.fetch_all_metadata())
            self._judge({len(cluster.partitions_for_topic(name) or ()) for name in self._topics.values()})
        except ConfigurationError as error:
            self._note("error", None, str(error))
        except KAFKA_ERRORS as error:
            self._note("disconnected", error)

    async def close(self) -> None:
        """Leave what is under way a last moment, then end."""
        if self._producer is not None:
            self._retire(self._producer)
        if self._retired:
            await asyncio.wait(self._retired, timeout=_CLOSE_SECONDS)

    def _judge(self, counts: set[int]) -> None:
        """Note what follows from the topics' partition counts; 0: there is no such topic.

        A producer learns of more partitions within five minutes, each at another time; until then a number would be in
        two places, and what waits of it would be overtaken.
        """
        if 0 in counts:
            self._note("error", None, "our topics are missing; run `whatsapp-microservice migrate`")
        elif len(counts) > 1 or (self._partitions is not None and self._partitions not in counts):
            self._note("error", None, f"the topics' number of partitions was changed; {REPARTITION}")
        else:
            [self._partitions] = counts
            self._note("connected", None)

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**self._arguments, request_timeout_ms=int(_REQUEST_SECONDS * 1000))
        try:
            await within(_CONNECT_SECONDS, producer.start())
        except BaseException:
            await producer.stop()
            raise
        return producer

    def _retire_if_broken(self, producer: AIOKafkaProducer, error: Exception) -> None:
        if ends_a_producer(error) and producer is self._producer:
            self._retire(producer)

    def _retire(self, producer: AIOKafkaProducer) -> None:
        self._producer = None
        task = asyncio.create_task(producer.stop())
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    def _note(self, state: str, error: Exception | None, problem: str = "") -> None:
        if (state, problem) == (self.state, self._problem):
            return
        self.state, self._problem = state, problem
        if state == "connected":
            log.info("Kafka is connected")
        elif state == "error":
            log.error("Kafka cannot be used as it is, events go to the spool", why=problem)
        else:
            log.warning("Kafka does not answer, events go to the spool", why=type(error).__name__)
