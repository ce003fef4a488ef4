"""Reads a window of a topic with its own consumer: no group, no commits, nothing of the workers' touched."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from clients.kafka.connection import consumer_arguments
from clients.kafka.time_order import in_time_order
from clients.kafka.topics import partitions_of
from schemas.errors import InvalidInput
from schemas.settings import Settings
from schemas.topics import topic_name
from streams.replay.window import Window

_MS = 1000


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic. `topic`: its bare name."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    at: datetime
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def origin(self) -> str:
        """`topic/partition/offset`: its name in a replay's marks."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of a partition's offsets. `beginning`: the oldest that the topic still keeps."""

    start: int
    end: int
    beginning: int


class Reader:
    """Reader of a window: `async with Reader(...) as reader: async for records in reader.batches()`.

    A number's records come in their order.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        window: Window,
        positions: Mapping[int, int] | None = None,
        ends: Mapping[int, int] | None = None,
    ) -> None:
        """Read a window of a topic.

        Args:
            positions: where to go on, by partition, when an interrupted replay is resumed.
            ends: where to end at the latest, by partition: a window without an end grows with its topic.
        """
        self.topic = topic
        self._settings = settings
        self.spans: dict[int, Span] = {}
        self.kept_since: datetime | None = None
        self._name = topic_name(settings.topic_prefix, topic)
        self._window = window
        self._positions = positions or {}
        self._ends = ends or {}
        self._consumer = AIOKafkaConsumer(**consumer_arguments(settings), auto_offset_reset="earliest")

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            await self._find()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    @property
    def total(self) -> int:
        """Return the number of offsets in the window: at least as many as there are records."""
        return sum(max(0, span.end - span.start) for span in self.spans.values())

    @property
    def is_cut(self) -> bool:
        """Return whether the topic no longer keeps all that was asked for."""
        since, first = self._window.since, self._window.from_offset
        gone = any(span.beginning > 0 for span in self.spans.values())
        by_time = since is not None and self.kept_since is not None and self.kept_since > since
        by_offset = first is not None and any(span.beginning > first for span in self.spans.values())
        return gone and (by_time or by_offset)

    @property
    def ends(self) -> dict[int, int]:
        """Return where the window ends in each partition."""
        return {number: span.end for number, span in self.spans.items()}

    async def batches(self) -> AsyncIterator[list[Record]]:
        """Yield the window's records, oldest first, some thousands at a time."""
        places = {
            TopicPartition(self._name, n): span for n, span in self.spans.items() if span.end > span.start
        }
        starts = {place: span.start for place, span in places.items()}
        ends = {place: span.end for place, span in places.items()}
        async for raws in in_time_order(self._consumer, starts, ends):
            yield [self._record(raw) for raw in raws]

    async def _find(self) -> None:
        partitions = await self._partitions()
        beginnings = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        starts, stops = (
            await self._offsets(partitions, self._window.since),
            await self._offsets(partitions, self._window.until),
        )
        first, last = self._window.from_offset, self._window.to_offset
        for place in partitions:
            beginning, end = beginnings[place], ends[place]
            start = max(beginning, starts.get(place, end if self._window.since else beginning), first or 0)
            known = self._ends.get(place.partition, end)
            stop = min(end, known, stops.get(place, end), end if last is None else last)
            self.spans[place.partition] = Span(
                max(start, self._positions.get(place.partition, 0)), stop, beginning
            )
        self.kept_since = await self._oldest(partitions)

    async def _partitions(self) -> list[TopicPartition]:
        found = await partitions_of(self._settings, self._name)
        if not found:
            raise InvalidInput(
                "topic", f"{self._name} does not exist in this Kafka; run `whatsapp-microservice migrate`?"
            )
        return [TopicPartition(self._name, number) for number in range(found)]

    async def _offsets(
        self, partitions: list[TopicPartition], at: datetime | None
    ) -> dict[TopicPartition, int]:
        """Return each partition's first offset at a time or later; a partition without any is left out."""
        if at is None:
            return {}
        moment = int(at.timestamp() * _MS)
        found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, moment))
        return {place: entry.offset for place, entry in found.items() if entry is not None}

    async def _oldest(self, partitions: list[TopicPartition]) -> datetime | None:
        """Return the time of the oldest record kept, for the message to whoever asked for more."""
        found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, 0))
        times = [entry.timestamp for entry in found.values() if entry is not None and entry.timestamp >= 0]
        return _time(min(times)) if times else None

    def _record(self, raw: Any) -> Record:  # noqa: ANN401 - aiokafka is untyped
        headers = tuple(raw.headers or ())
        return Record(
            self.topic, raw.partition, raw.offset, raw.key, raw.value, _time(raw.timestamp), headers
        )


def _time(milliseconds: int) -> datetime:
    """Return a record's time as Kafka has it. Producers set it; one that is no time becomes the epoch."""
    try:
        return datetime.fromtimestamp(milliseconds / _MS, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
