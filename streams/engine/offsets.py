"""Where records come from, and how far reading has come, including offsets without a record. Pure."""

from collections.abc import Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

P = TypeVar("P")


class TopicPartition(NamedTuple):
    """A topic by its bare name, and a partition."""

    topic: str
    partition: int


def out_of_range(
    committed: Mapping[P, int | None], beginnings: Mapping[P, int], ends: Mapping[P, int]
) -> dict[P, tuple[int, int, int]]:
    """Return (committed, beginning, end) of each partition whose committed offset is outside the kept range.

    The end is inside: everything was read. 0 and None mean no commit.
    """
    return {
        place: (offset, beginnings[place], ends[place])
        for place, offset in committed.items()
        if offset and not beginnings[place] <= offset <= ends[place]
    }


def told(name: str, found: tuple[int, int, int]) -> str:
    """Describe an offset that is out of range, in one line."""
    committed, beginning, end = found
    return f"{name}: committed {committed}, kept {beginning} to {end}"


class ReadOffsets(Generic[P]):
    """By partition: the offset after the last record given to its stream, and the consumer's position.

    Otherwise whoever waits for a partition's end, or counts what is left of it, would wait forever for an
    offset without a record, and the committed offset would stay behind it.
    """

    def __init__(self) -> None:
        self._begun: dict[P, int] = {}
        self._given: dict[P, int] = {}
        self._done: dict[P, int] = {}
        self._position: dict[P, int] = {}

    def __iter__(self) -> Iterator[P]:
        return iter(self._begun)

    def begin(self, offsets: Mapping[P, int]) -> None:
        """Forget all; reading begins at these offsets."""
        self._begun = dict(offsets)
        self._given, self._done, self._position = {}, {}, {}

    def given(self, place: P, offset: int) -> None:
        """Note that a record is given to its stream."""
        self._given[place] = offset + 1

    def done(self, place: P, offset: int) -> None:
        """Note that a record and all before it are done."""
        self._done[place] = offset + 1

    def reached(self, place: P, position: int) -> bool:
        """Note that all records before a position are given.

        Return whether the position follows offsets without a record.
        """
        if self._position.get(place) == position:
            return False
        self._position[place] = position
        return position > self._given.get(place, self._begun.get(place, 0))

    def read_up_to(self, place: P, done: int) -> int:
        """Return how far one has read who has done all records before `done`."""
        if done < self._given.get(place, 0):
            return done
        return max(done, self._position.get(place, 0))

    def to_commit(self, place: P) -> int | None:
        """Return the offset that may be committed; None before anything was read."""
        begun = self._begun.get(place, 0)
        offset = self.read_up_to(place, self._done.get(place, begun))
        return offset if offset > begun else None
