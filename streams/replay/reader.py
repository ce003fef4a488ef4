"""Reads a window of a topic with a consumer of its own: no group, no commits, nothing of the workers' is touched."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.errors import InvalidInput
from schemas.kafka import connection_arguments
from schemas.settings import Settings
from schemas.topics import topic_name
from streams.engine.topics import partitions_of
from streams.replay.window import Window

_MS = 1000
# Some MB of events at a time: one round trip reads thousands, and memory stays small.
_MOST_AT_ONCE = 5_000
_POLL_MS = 500
# A partition whose last offsets are transaction markers or compacted away gives nothing more: so many empty polls end it.
_EMPTY_POLLS = 20


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic, `topic` by its bare name."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    at: datetime
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def origin(self) -> str:
        """`topic/partition/offset`: its name in a replay's marks."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of one partition, half open; `beginning`: the oldest that the topic still keeps."""

    start: int
    end: int
    beginning: int


class Reader:
    """`async with Reader(...) as reader: async for records in reader.batches()`: per partition in order."""

    def __init__(self, settings: Settings, topic: str, window: Window, positions: Mapping[int, int] | None = None) -> None:
        """`positions`: where to go on, by partition, when an interrupted replay is resumed."""
        self.topic = topic
        self._settings = settings
        self.spans: dict[int, Span] = {}
        self.kept_since: datetime | None = None
        self._name = topic_name(settings.topic_prefix, topic)
        self._window = window
        self._positions = positions or {}
        self._consumer = AIOKafkaConsumer(
            **connection_arguments(settings), enable_auto_commit=False, auto_offset_reset="earliest"
        )

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        try:
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
        """Give the number of offsets in the window: at least as many as there are records."""
        return sum(max(0, span.end - span.start) for span in self.spans.values())

    @property
    def is_cut(self) -> bool:
        """Tell whether the topic no longer keeps all that was asked for."""
        since, first = self._window.since, self._window.from_offset
        gone = any(span.beginning > 0 for span in self.spans.values())
        by_time = since is not None and self.kept_since is not None and self.kept_since > since
        by_offset = first is not None and any(span.beginning > first for span in self.spans.values())
        return gone and (by_time or by_offset)

    async def batches(self) -> AsyncIterator[list[Record]]:
        """Give the window's records, some thousands at a time."""
        places = {TopicPartition(self._name, n): span for n, span in self.spans.items() if span.end > span.start}
        if not places:
            return
        self._consumer.assign(list(places))
        for place, span in places.items():
            self._consumer.seek(place, span.start)
        left, empty = set(places), 0
        while left and empty < _EMPTY_POLLS:
            got = await self._consumer.getmany(*left, timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
            records = [self._record(raw) for place, raws in got.items() for raw in raws if raw.offset < places[place].end]
            empty = 0 if records else empty + 1
            for place in list(left):
                if await self._consumer.position(place) >= places[place].end:
                    left.discard(place)
                    self._consumer.pause(place)
            if records:
                yield records

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
            stop = min(end, stops.get(place, end), end if last is None else last)
            self.spans[place.partition] = Span(max(start, self._positions.get(place.partition, 0)), stop, beginning)
        self.kept_since = await self._oldest(partitions)

    async def _partitions(self) -> list[TopicPartition]:
        found = await partitions_of(self._settings, self._name)
        if not found:
            raise InvalidInput("topic", f"{self._name} does not exist in this Kafka; run `whatsapp-microservice migrate`?")
        return [TopicPartition(self._name, number) for number in range(found)]

    async def _offsets(self, partitions: list[TopicPartition], at: datetime | None) -> dict[TopicPartition, int]:
        """Give the first offsets at a time or later; a partition without any is left out."""
        if at is None:
            return {}
        moment = int(at.timestamp() * _MS)
        found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, moment))
        return {place: entry.offset for place, entry in found.items() if entry is not None}

    async def _oldest(self, partitions: list[TopicPartition]) -> datetime | None:
        """Give the time of the oldest record that is kept, for the message to whoever asked for more."""
        found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, 0))
        times = [entry.timestamp for entry in found.values() if entry is not None and entry.timestamp >= 0]
        return datetime.fromtimestamp(min(times) / _MS, UTC) if times else None

    def _record(self, raw: Any) -> Record:  # noqa: ANN401 - aiokafka is untyped
        at = datetime.fromtimestamp(raw.timestamp / _MS, UTC)
        return Record(self.topic, raw.partition, raw.offset, raw.key, raw.value, at, tuple(raw.headers or ()))
