"""A page of conversations: filtered, ordered by id, beginning after the last one seen. Pure."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from schemas.query import LARGEST_ID, whole
from schemas.stats_query import refuse_unknown
from streams.stats.record import Record, has_begun

# What a person reads at once, and what one answer may cost: about 400 bytes each.
_DEFAULT_LIMIT = 50
_LARGEST_LIMIT = 500
_FILTERS = {"status": "status", "batch_id": "batch_id", "group_id": "group_id", "agent_id": "agent_id"}
_INTERNAL = ("partition", "started_day", "gap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A requested page. `after`: id of the last conversation on the previous page, 0 for the first page."""

    after: int
    limit: int
    filters: dict[str, str]

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read `status`, `batch_id`, `group_id`, `agent_id`, `limit`, `after`.

        Raises:
            InvalidInput: a parameter is unknown, or `limit` or `after` is not a number in range.
        """
        refuse_unknown(query, (*_FILTERS, "limit", "after"))
        filters = {field: query[name] for name, field in _FILTERS.items() if name in query}
        limit = number_in(query, "limit", _DEFAULT_LIMIT, 1, _LARGEST_LIMIT)
        return cls(after=number_in(query, "after", 0, 0), limit=limit, filters=filters)

    def of(self, records: Iterable[Record]) -> list[dict[str, Any]]:
        """Return the page's conversations, as the views show them."""
        wanted = (record for record in records if self._wants(record))
        return [_line(record) for record in heapq.nsmallest(self.limit, wanted, key=conversation_id)]

    def merged(self, parts: Iterable[list[dict[str, Any]]]) -> dict[str, Any]:
        """Return one page made of those of disjoint sets. `next`: the following page's `after`, or None."""
        lines = heapq.nsmallest(self.limit, (line for part in parts for line in part), key=conversation_id)
        following = lines[-1]["conversation_id"] if len(lines) == self.limit else None
        return {"conversations": lines, "next": following}

    def query(self) -> dict[str, str]:
        """Return the query that `from_query` reads."""
        named = {name: self.filters[field] for name, field in _FILTERS.items() if field in self.filters}
        return {"after": str(self.after), "limit": str(self.limit), **named}

    def _wants(self, record: Record) -> bool:
        return (
            has_begun(record)
            and record["conversation_id"] > self.after
            and all(str(record[field]) == value for field, value in self.filters.items())
        )


def shown(record: Record) -> dict[str, Any]:
    """Return a record as the views show it: without its internal fields."""
    return {name: value for name, value in record.items() if name not in _INTERNAL}


def _line(record: Record) -> dict[str, Any]:
    line = shown(record)
    del line["days"], line["calls"]
    return line


def conversation_id(record: Mapping[str, Any]) -> int:
    """Return what pages are ordered by."""
    return int(record["conversation_id"])


def number_in(
    query: Mapping[str, str], name: str, default: int, least: int, largest: int = LARGEST_ID
) -> int:
    """Read a whole number.

    Raises:
        InvalidInput: it is not one, or not in range.
    """
    return whole(name, query[name], least, largest) if name in query else default
