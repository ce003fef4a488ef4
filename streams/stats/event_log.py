"""The topic `conversation-event`: what an entry does to its conversation's record, and all records of it."""

import asyncio
from dataclasses import dataclass
from datetime import tzinfo
from types import TracebackType
from typing import Self

import structlog
from aiokafka import TopicPartition

from clients.kafka.partitions import PartitionReader
from clients.kafka.producer import partition_of
from schemas.errors import InvalidInput
from schemas.settings import Settings
from schemas.topics import CONVERSATION_EVENT, topic_name
from streams.stats.event import Event, parse_event
from streams.stats.live import LiveRecords
from streams.stats.record import ERASED, Record, apply

log = structlog.get_logger()

# Takes some milliseconds, after which the agent and the views have their turn.
_FOLDED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the topic. `event`: None for a tombstone, by which the log forgets a number."""

    phone_number: str
    event: Event | None

    @classmethod
    def read(cls, key: bytes | None, value: bytes | None, partition: int, partitions: int) -> "Entry":
        """Read an entry.

        Raises:
            InvalidInput: it is not an event, or is where two workers would count it.
        """
        if value is None and key:
            entry = cls(key.decode(errors="replace"), None)
        else:
            event = parse_event(value)
            entry = cls(event.phone_number, event)
        if key != entry.phone_number.encode() or partition != partition_of(entry.phone_number, partitions):
            raise InvalidInput("phone_number", "stands under another key or on another partition")
        return entry

    @property
    def kind(self) -> str:
        return self.event.type if self.event else ERASED

    def after(self, before: Record | None, zone: tzinfo, kept: int) -> Record | None:
        """Return the record after this entry: None if none is left, the very same if nothing changes.

        Raises:
            InvalidInput: a time or a number that cannot be counted.
        """
        if self.event is None:
            return None
        record = apply(before, self.event, zone, kept)
        return None if record["status"] == ERASED else record


class EventLog:
    """A reader of one partition: `async with EventLog(settings, records, partition) as log`.

    `found`: the records so far, with a `gap` if the log does not reach back to the conversation's first
    event, or lacks one.
    """

    def __init__(self, settings: Settings, records: LiveRecords, partition: int) -> None:
        self._records = records
        self._place = TopicPartition(topic_name(settings.topic_prefix, CONVERSATION_EVENT), partition)
        self._reader = PartitionReader(settings)
        self._read_to: int | None = None
        self.found: dict[str, Record] = {}

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._reader.__aexit__(kind, error, at)

    async def read_on(self) -> bool:
        """Read what there is by now; return whether there was anything.

        Raises:
            Unavailable: Kafka does not answer.
        """
        if self._read_to is None:
            self._read_to = (await self._reader.beginnings([self._place]))[self._place]
        end = (await self._reader.ends([self._place]))[self._place]
        begun, self._read_to = self._read_to, end
        async for batch in self._reader.batches({self._place: begun}, {self._place: end}):
            for number, record in enumerate(batch.get(self._place, ()), 1):
                self._fold(record.key, record.value)
                if number % _FOLDED_AT_ONCE == 0:
                    await asyncio.sleep(0)
        return end > begun

    def _fold(self, key: bytes | None, value: bytes | None) -> None:
        records = self._records
        try:
            entry = Entry.read(key, value, self._place.partition, records.partitions)
            after = entry.after(self.found.get(entry.phone_number), records.zone, records.days_kept)
        except InvalidInput:
            return  # the agent has reported it
        if after is None:
            self.found.pop(entry.phone_number, None)
        else:
            self.found[entry.phone_number] = after
