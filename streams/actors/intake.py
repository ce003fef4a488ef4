"""Routes records from the Faust agents: to their actor, to the dead letters, or back under the right key.

Each topic has one line of records. Those that came while earlier ones were being read are read together,
in order. Commands have a line per partition: what another address hands over may wait for its person's
messages, and no other partition waits with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import structlog
from opentelemetry.trace import SpanKind

from clients.kafka.producer import Producer, partition_of
from process.tracing import current_trace, span, trace_header
from rules.inputs import Input, MessageBuried, Recovered
from schemas.errors import InvalidInput
from schemas.events import InboundMessage
from schemas.replay_mark import Mark
from schemas.topics import (
    CALL_COMPLETED,
    CONVERSATION_COMMAND,
    INBOUND_MESSAGE,
    MESSAGE_STATUS,
    MOVED_HEADER,
    REQUEST_ID_HEADER,
    moved_for,
    request_id_of,
    traceparent_of,
)
from streams.actors.judge import is_away
from streams.actors.letters import Letters
from streams.actors.reading import InputReader
from streams.actors.records import Arrived, NotForeseen, arrived, parsed
from streams.actors.turns import Receiver, Turns
from streams.actors.unread import Unread, failed, refused
from streams.actors.values import Told, is_urgent
from streams.engine.offsets import TopicPartition

log = structlog.get_logger()

# The most that one look-up of their sends may take; what comes meanwhile waits in Faust's own buffers.
_LARGEST_BATCH = 200
# Behind each of their events is a person to whom we write.
_BEGINS = (CALL_COMPLETED, INBOUND_MESSAGE)

Read = Callable[[Sequence[Arrived]], Awaitable[list[Told]]]


class Mailboxes(Receiver, Protocol):
    """What records are handed to, or taken in beside, see `streams.actors.hosting`."""

    def beside(
        self, source: TopicPartition, offset: int, token: object, generation: int
    ) -> Callable[[], None]: ...


@dataclass(frozen=True, slots=True)
class _Fetched:
    source: TopicPartition
    token: Any
    generation: int
    arrived: Arrived | Unread | None


class Intake:
    """Intake of records: `await intake(source, event)` returns once the record has its place in the line."""

    def __init__(
        self,
        partitions: int,
        mailboxes: Mailboxes,
        reader: InputReader,
        producer: Producer,
        letters: Letters,
        handed_over: Callable[[TopicPartition, int, int], None],
        now: Callable[[], datetime],
        turns: Turns,
        sender: str | None = None,
        country: Mapping[str, object] | None = None,
    ) -> None:
        """`sender`: the key of our own number, which is not a client. `country`: see `parsed`."""
        self._country = country
        self._turns = turns
        self._now = now
        self._sender = sender
        self._partitions = partitions
        self._mailboxes = mailboxes
        self._producer = producer
        self._letters = letters
        self._handed_over = handed_over
        self._reads: dict[str, Read] = {
            CALL_COMPLETED: reader.calls,
            INBOUND_MESSAGE: reader.messages,
            MESSAGE_STATUS: reader.reports,
            CONVERSATION_COMMAND: reader.commands,
        }
        self._lines: dict[tuple[str, int], asyncio.Queue[_Fetched]] = {
            (topic, place): asyncio.Queue(_LARGEST_BATCH)
            for topic in self._reads
            for place in range(partitions if topic == CONVERSATION_COMMAND else 1)
        }

    @property
    def topics(self) -> list[str]:
        return sorted(self._reads)

    async def __call__(self, source: TopicPartition, event: Any) -> None:  # noqa: ANN401 - a Faust event
        generation, trace = self._mailboxes.generation, traceparent_of(event.message.headers)
        with span(f"handle {source.topic}", SpanKind.CONSUMER, trace, partition=source.partition):
            arrived = await self._read(source, event.message, current_trace() or trace)
        place = source.partition % self._partitions if source.topic == CONVERSATION_COMMAND else 0
        await self._lines[source.topic, place].put(_Fetched(source, event, generation, arrived))

    async def work(self) -> None:
        """Hand records over until cancelled."""
        await asyncio.gather(
            *(self._hand_over_always(topic, line) for (topic, _), line in self._lines.items())
        )

    async def _hand_over_always(self, topic: str, line: asyncio.Queue[_Fetched]) -> None:
        while True:
            batch = [await line.get()]
            while not line.empty() and len(batch) < _LARGEST_BATCH:
                batch.append(line.get_nowait())
            for fetched, told in zip(batch, await self._told(topic, batch), strict=True):
                await self._hand_over(fetched, told)

    async def _told(self, topic: str, batch: Sequence[_Fetched]) -> list[Told | None]:
        """Read what goes with a batch; if that fails, with each record by itself."""
        arrived = [each.arrived for each in batch if isinstance(each.arrived, Arrived)]
        try:
            told = iter(await self._reads[topic](arrived) if arrived else ())
        except Exception as error:  # noqa: BLE001 - re-raised unless one of the records is the cause
            if is_away(error):
                raise
            return [await self._told_alone(topic, each) for each in batch]
        return [next(told) if isinstance(each.arrived, Arrived) else _of_unread(each) for each in batch]

    async def _told_alone(self, topic: str, fetched: _Fetched) -> Told | None:
        """Read what goes with one record; one that cannot be used fails in its number's turn."""
        if not isinstance(fetched.arrived, Arrived):
            return _of_unread(fetched)
        try:
            [told] = await self._reads[topic]([fetched.arrived])
        except Exception as error:  # noqa: BLE001 - as above
            if is_away(error):
                raise
            return Told(given=_instead_of(fetched.arrived), failure=error)
        return told

    async def _hand_over(self, fetched: _Fetched, told: Told | None) -> None:
        if fetched.source.topic != INBOUND_MESSAGE:
            await self._put(fetched, told)
            return
        message = fetched.token.message
        async with self._turns.of(message.key):
            early = self._turns.reached(fetched.source.partition, message.offset, fetched.generation)
            if early is None:
                await self._put(fetched, told)
            else:
                early.reached(self._beside(fetched))
                self._handed_over(fetched.source, message.offset, fetched.generation)
            self._turns.passed(message.key, fetched.source.partition, message.offset, fetched.generation)

    async def _put(self, fetched: _Fetched, told: Told | None) -> None:
        message = fetched.token.message
        place = fetched.source, message.offset
        if told is None or fetched.arrived is None:
            self._beside(fetched)()
        else:
            key, urgent = fetched.arrived.key, is_urgent(told)
            if isinstance(fetched.arrived, Arrived):
                told = replace(told, origin=(fetched.source, message))
            await self._mailboxes.put(*place, key, told, fetched.token, fetched.generation, urgent=urgent)
        self._handed_over(*place, fetched.generation)

    def _beside(self, fetched: _Fetched) -> Callable[[], None]:
        """Take in a record that nobody is told of; calling the result releases it, in its turn."""
        return self._mailboxes.beside(
            fetched.source, fetched.token.message.offset, fetched.token, fetched.generation
        )

    async def _read(
        self,
        source: TopicPartition,
        message: Any,  # noqa: ANN401
        trace: str | None,
    ) -> Arrived | Unread | None:
        """Return the event, or whom a record without one concerns; None if it is already disposed of."""
        try:
            event = parsed(source.topic, message.value, self._country)
            key = event.key
            if key == self._sender and source.topic in _BEGINS:
                raise InvalidInput("phone_number", "is our own WhatsApp sender")
        except InvalidInput as error:
            return await self._unread(source, message, error)
        if await self._rekeyed(source, message, key):
            return None
        return arrived(event, message, self._now(), trace)

    async def _unread(
        self,
        source: TopicPartition,
        message: Any,  # noqa: ANN401
        error: InvalidInput,
    ) -> Unread | None:
        """Make what the model refuses a dead letter at once, as its bytes do not change.

        What the model fails on is judged in its number's turn, like any failure: it may be the build that
        fails, on everybody's records.
        """
        is_judged = isinstance(error, NotForeseen)
        found = (failed if is_judged else refused)(source, message, error, self._now())
        if found is not None and partition_of(found.key, self._partitions) != source.partition:
            found = None
        if found is None or not is_judged:
            await self._letters.bury(source, message, error)
        return found

    async def _rekeyed(self, source: TopicPartition, message: Any, key: str) -> bool:  # noqa: ANN401
        """Republish a record from a wrong partition on the right one, once."""
        right = partition_of(key, self._partitions)
        if right == source.partition:
            return False
        # Whoever marked it has moved it already; moved again, it might go round for ever.
        if moved_for(message.headers) >= self._partitions:
            await self._letters.bury(
                source, message, InvalidInput("partition", f"moved before, and not to {right}")
            )
            return True
        log.info("record is published again under its right key", topic=source.topic)
        identity = request_id_of(message.headers)
        headers = [(MOVED_HEADER, str(self._partitions).encode())]
        if identity:
            headers.append((REQUEST_ID_HEADER, identity.encode()))
        if mark := Mark.of(message.headers):
            headers.append(mark.header())
        headers += trace_header(traceparent_of(message.headers))
        await self._producer.send(source.topic, key.encode(), message.value, headers, partition=right)
        return True


def _of_unread(fetched: _Fetched) -> Told | None:
    return fetched.arrived.told if isinstance(fetched.arrived, Unread) else None


def _instead_of(arrived: Arrived) -> Input:
    """Return what a number is told of an event that cannot be read."""
    event = arrived.event
    if isinstance(event, InboundMessage) and arrived.mark is None:
        return MessageBuried(
            event_id=event.event_id,
            received_at=event.received_at,
            address=event.params.get("From", ""),
            request_id=event.request_id or arrived.request_id,
            trace=arrived.trace,
        )
    return Recovered()
