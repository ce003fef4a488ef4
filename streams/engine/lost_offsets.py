"""Committed offsets that the log does not have: their events are gone, or the topic was made anew. Pure."""

from collections.abc import Mapping
from typing import TypeVar

P = TypeVar("P")


def out_of_range(
    committed: Mapping[P, int | None], beginnings: Mapping[P, int], ends: Mapping[P, int]
) -> dict[P, tuple[int, int, int]]:
    """Return (committed, beginning, end) of each partition whose committed offset lies outside of what is kept.

    At the end is inside: everything was read. 0 and None are no commit.
    """
    return {
        place: (offset, beginnings[place], ends[place])
        for place, offset in committed.items()
        if offset and not beginnings[place] <= offset <= ends[place]
    }


def told(name: str, found: tuple[int, int, int]) -> str:
    """Describe it in a line."""
    committed, beginning, end = found
    return f"{name}: committed {committed}, kept {beginning} to {end}"
