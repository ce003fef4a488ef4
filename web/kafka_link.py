"""The connection to Kafka: a producer that is kept connected, and what is known of the brokers."""

import asyncio
from collections.abc import Sequence
from math import inf

import structlog
from opentelemetry.trace import SpanKind

from clients.bounds import within
from clients.kafka.connection import DENIED, KAFKA_ERRORS
from clients.kafka.producer import Producer, partition_of
from clients.kafka.rights import check_rights
from clients.kafka.topics import REPARTITION
from process.tracing import span, trace_headers
from schemas.errors import ConfigurationError, Unavailable
from schemas.models import TAKEN_UP
from schemas.rights import WEB
from schemas.settings import Settings
from schemas.topics import DEAD_LETTER, REQUEST_ID_HEADER

log = structlog.get_logger()

# Twilio gives up after 15 s and the backend after 10 s; what remains is for Postgres.
_PUBLISH_SECONDS = 3.0
_CONNECT_SECONDS = 5.0
# The client drops a connection whose request has no answer for this long. We must not stop waiting before, or
# a connection to a host that vanished would be kept for ever.
_REQUEST_SECONDS = 2.0
# An outage must show in health within 10 s.
_PROBE_SECONDS = 2.5
_CLOSE_SECONDS = 3.0
# A leader is elected within seconds; until then each of its events would wait for nothing.
_SILENT_SECONDS = 3.0

_OURS = (*TAKEN_UP, DEAD_LETTER)


class KafkaLink:
    """Sends, and knows whether that makes sense.

    `state` is "connected", "disconnected" or "error": topics are missing, have another number of partitions
    than when this process first saw them, or may not be used by us.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = Producer(settings, _REQUEST_SECONDS)
        self._partitions: int | None = None
        self._problem = ""
        self._is_allowed = False
        #: By partition and the loop's clock: when the newest event that was taken began.
        self._taken_at: dict[int, float] = {}
        #: By the same: until when a silent partition is not asked.
        self._silent_until: dict[int, float] = {}
        self.state = "disconnected"

    @property
    def answers(self) -> bool:
        return self.state == "connected"

    @property
    def problem(self) -> str:
        """Why Kafka cannot be used as it is; empty if it can, or if it is merely away."""
        return self._problem

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

        `marks`: further headers; `trace`: the one in which the event came, if not the one that is open here.

        Raises:
            Unavailable: it is not known to be stored, but may be.
        """
        if not self._producer.is_connected or self._problem:
            raise Unavailable(self._problem or "Kafka does not answer")
        place, begun = self.place_of(key), asyncio.get_running_loop().time()
        if self._silent_until.get(place, 0.0) > begun:
            raise Unavailable("a partition does not answer")
        identity = [(REQUEST_ID_HEADER, request_id.encode())] if request_id else []
        try:
            with span(f"publish {topic}", SpanKind.PRODUCER, trace):
                headers = [*identity, *marks, *trace_headers()]
                async with asyncio.timeout(_PUBLISH_SECONDS):
                    await self._producer.send(topic, key.encode(), value, headers)
        except KAFKA_ERRORS as error:
            self._is_allowed = self._is_allowed and not isinstance(error, DENIED)
            self._silent(place, begun, error)
            raise Unavailable("Kafka does not answer") from error
        self._taken_at[place] = max(begun, self._taken_at.get(place, begun))

    def place_of(self, key: str) -> int:
        """Return a key's partition; 0 while their number is not known."""
        return partition_of(key, self._partitions or 1)

    def _silent(self, place: int, since: float, error: Exception) -> None:
        """Note that a partition took nothing; if no other took anything meanwhile, Kafka is away."""
        others = (at for partition, at in self._taken_at.items() if partition != place)
        if max(others, default=-inf) >= since and not isinstance(error, DENIED):
            log.warning("a partition does not answer, its events go to the spool", partition=place)
            self._silent_until[place] = asyncio.get_running_loop().time() + _SILENT_SECONDS
        else:
            self._note("disconnected", error)

    async def keep(self) -> None:
        """Connect, or check that the brokers still answer and have the topics."""
        try:
            await within(_CONNECT_SECONDS, self._producer.start())
            if not self._is_allowed:
                await within(_CONNECT_SECONDS, check_rights(self._settings, WEB))
                self._is_allowed = True
            self._judge(await within(_PROBE_SECONDS, self._producer.partition_counts(_OURS)))
        except ConfigurationError as error:
            self._note("error", None, str(error))
        except KAFKA_ERRORS as error:
            self._note("disconnected", error)

    async def close(self) -> None:
        """Give what is under way a last moment, then close."""
        await self._producer.stop(_CLOSE_SECONDS)

    def _judge(self, counts: set[int]) -> None:
        """Note what follows from the topics' partition counts; 0: there is no such topic.

        Producers learn of more partitions within five minutes, each at a different time. Until then a number
        would be in two places, and its waiting events would be overtaken.
        """
        if 0 in counts:
            self._note("error", None, "our topics are missing; run `whatsapp-microservice migrate`")
        elif len(counts) > 1 or (self._partitions is not None and self._partitions not in counts):
            self._note("error", None, f"the topics' number of partitions was changed; {REPARTITION}")
        else:
            [self._partitions] = counts
            self._note("connected", None)

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
