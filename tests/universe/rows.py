"""The simulated Postgres' rows and tables."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json


class Row(dict[str, Any]):
    """A record: read by name, as a dict, and also by index, which a dict lacks."""

    def __missing__(self, key: str | int) -> Any:  # noqa: ANN401
        if isinstance(key, int):
            return list(self.values())[key]
        raise KeyError(key)


def json(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value as JSONB returns it."""
    return from_json(to_json(value))


@dataclass
class Tables:
    """Rows by their keys."""

    partitions: dict[int, Row] = field(default_factory=dict)
    publication: dict[int, int] = field(default_factory=dict)
    actors: dict[str, Row] = field(default_factory=dict)
    log: dict[tuple[int, int], Row] = field(default_factory=dict)
    sequences: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    removals: dict[UUID, Row] = field(default_factory=dict)
    sends: dict[UUID, Row] = field(default_factory=dict)
    seen: dict[tuple[str, str], Row] = field(default_factory=dict)
    posts: dict[tuple[int, int], Row] = field(default_factory=dict)
    suppressions: dict[str, Row] = field(default_factory=dict)
    conversations: dict[int, Row] = field(default_factory=dict)
    messages: dict[int, Row] = field(default_factory=dict)
    erasures: dict[str, datetime] = field(default_factory=dict)
    campaigns: dict[str, datetime] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    spool: dict[int, Row] = field(default_factory=dict)
    backfill: dict[str, Row] = field(default_factory=dict)
    old_log: dict[tuple[int, int], Row] = field(default_factory=dict)
    old_sends: dict[UUID, Row] = field(default_factory=dict)
    """What retention has removed, for the judge."""

    def conversation_of(self, phone: str) -> Row | None:
        return next((row for row in self.conversations.values() if row["phone_number"] == phone), None)

    def sends_of(self, phone: str) -> list[Row]:
        return [row for row in self.sends.values() if row["phone_number"] == phone]

    def log_of(self, conversation_id: int) -> list[Row]:
        return sorted(
            (row for key, row in self.log.items() if key[0] == conversation_id), key=lambda row: row["number"]
        )

    def history_of(self, conversation_id: int) -> list[Row]:
        """Return the log, including what was removed from it."""
        old = [row for key, row in self.old_log.items() if key[0] == conversation_id]
        return sorted([*old, *self.log_of(conversation_id)], key=lambda row: row["number"])

    def all_sends_of(self, phone: str) -> list[Row]:
        """Return the sends, including those that were removed."""
        return [
            *(row for row in self.old_sends.values() if row["phone_number"] == phone),
            *self.sends_of(phone),
        ]
