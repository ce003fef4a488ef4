"""Takes events from the agents: into a mailbox, round it, to the dead letters, or back under the right key."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.partitioner import murmur2

from schemas.documents import now
from schemas.errors import InvalidInput
from schemas.events import CallCompleted, ConversationCommand, DeadLetter, InboundMessage, MessageStatus
from schemas.topics import (
    CALL_COMPLETED,
    CONVERSATION_COMMAND,
    DEAD_LETTER,
    INBOUND_MESSAGE,
    MESSAGE_STATUS,
    REQUEST_ID_HEADER,
)
from schemas.tracing import trace_header, traceparent_of
from streams.engine.intake import request_id
from streams.engine.mailbox import Mailboxes
from streams.engine.work import TopicPartition, WorkItem
from streams.metrics import DEAD_LETTERS
from streams.replay.mark import Mark
from streams.worker.engine import WorkerEngine
from streams.worker.producer import Producer
from streams.worker.reports import Reports
from streams.worker.stops import Stops

log = structlog.get_logger()

Event = CallCompleted | InboundMessage | MessageStatus | ConversationCommand
_MODELS: dict[str, Callable[[bytes], Event]] = {
    CALL_COMPLETED: CallCompleted.from_json,
    INBOUND_MESSAGE: InboundMessage.from_json,
    MESSAGE_STATUS: MessageStatus.from_json,
    CONVERSATION_COMMAND: ConversationCommand.from_json,
}
TOPICS = sorted(_MODELS)

_NOT_FORESEEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)

# Twice what web takes.
_LARGEST_VALUE = 256 * 1024
_TOO_LARGE = "too large for a dead letter, see its topic, partition and offset"


class Take:
    """`take(source, event)` for `streams.engine.intake`."""

    def __init__(
        self,
        partitions: int,
        mailboxes: Mailboxes,
        engine: WorkerEngine,
        producer: Producer,
        reports: Reports,
        stops: Stops,
    ) -> None:
        self._partitions = partitions
        self._mailboxes = mailboxes
        self._engine = engine
        self._producer = producer
        self._reports = reports
        self._stops = stops

    async def __call__(self, source: TopicPartition, event: Any) -> None:  # noqa: ANN401 - a Faust event
        message = event.message
        generation = self._mailboxes.generation
        value, key = await self._read(source, message)
        mark = Mark.of(message)
        item = WorkItem(
            source=source, offset=message.offset, key=key, value=value, request_id=request_id(message),
            generation=generation, token=event, replayed=mark,
            at=mark.at if mark else _produced_at(message), trace=traceparent_of(message.headers),
        )  # fmt: skip
        await self._hand_over(item)
        self._engine.handed_over(item)
        if source.topic == CALL_COMPLETED:
            await self._mailboxes.notify()

    async def _read(self, source: TopicPartition, message: Any) -> "tuple[Event | None, str]":  # noqa: ANN401
        """Give value and key; None and nothing for what is disposed of already."""
        try:
            value = _MODELS[source.topic](_bounded(message.value or b""))
            key = value.key
        except InvalidInput as error:
            await self._bury(source, message, error)
            return None, ""
        except _NOT_FORESEEN as error:  # tried again it would fail again, and stop its topic
            log.exception("event cannot be read", topic=source.topic)
            await self._bury(source, message, InvalidInput("body", f"cannot be read: {type(error).__name__}"))
            return None, ""
        return (None, "") if await self._rekeyed(source, message, key) else (value, key)

    async def _hand_over(self, item: WorkItem) -> None:
        """Everything, also what is disposed of, is acknowledged behind what came before it."""
        if item.value is None:
            self._mailboxes.beside(item)()
        elif isinstance(item.value, MessageStatus):
            await self._reports.put(item.value, self._mailboxes.beside(item))
        else:
            if isinstance(item.value, InboundMessage):
                await self._stops.look(item.value)
            await self._mailboxes.put(item)

    async def _rekeyed(self, source: TopicPartition, message: Any, key: str) -> bool:  # noqa: ANN401
        """Publish a record that lies under a wrong key or on a wrong partition again, under the right one."""
        right = (murmur2(key.encode()) & 0x7FFFFFFF) % self._partitions
        if right == source.partition:
            return False
        log.info("record is published again under its right key", topic=source.topic)
        identity = request_id(message)
        headers = [(REQUEST_ID_HEADER, identity.encode())] if identity else []
        if mark := Mark.of(message):
            headers.append(mark.header())
        headers += trace_header(traceparent_of(message.headers))
        await self._producer.send(source.topic, key.encode(), message.value, headers)
        return True

    async def _bury(self, source: TopicPartition, message: Any, error: InvalidInput) -> None:  # noqa: ANN401
        DEAD_LETTERS.labels(source.topic).inc()
        log.warning("event cannot be used and becomes a dead letter", topic=source.topic, field=error.field)
        letter = DeadLetter(
            topic=source.topic, partition=source.partition, offset=message.offset, reason=error.field,
            details=error.why, key_base64=_base64(message.key), value_base64=_base64(message.value), at=now(),
        )  # fmt: skip
        try:
            await self._producer.send(DEAD_LETTER, message.key, letter.to_json())
        except MessageSizeTooLargeError:  # the topic takes less than it was made for: the bytes stay where they lie
            without = letter.model_copy(update={"value_base64": None, "details": f"{error.why}; {_TOO_LARGE}"})
            await self._producer.send(DEAD_LETTER, None, without.to_json())


def _produced_at(message: Any) -> datetime:  # noqa: ANN401
    """Give when Kafka, or its producer, says that a record was made; now for a broker without clock, and for nonsense."""
    try:
        return datetime.fromtimestamp(message.timestamp, UTC) if message.timestamp else now()
    except (ValueError, OverflowError, OSError):
        return now()


def _bounded(value: bytes) -> bytes:
    """Refuse what no backend or Twilio sends: what comes of it must fit into a record as well."""
    if len(value) > _LARGEST_VALUE:
        raise InvalidInput("body", f"longer than {_LARGEST_VALUE} bytes")
    return value


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()
