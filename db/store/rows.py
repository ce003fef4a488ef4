"""What is read from the store, as values. Times are aware, UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from schemas.rows import Json, LogRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """A number's wish for no messages."""

    source: str
    event_id: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A number's actor. `version` 0: there is none, and `state` is None.

    `conversation_id`: without an actor, that of the row that somebody else made for the number, if any.
    """

    phone_number: str
    version: int
    conversation_id: int | None
    state: bytes | None
    partition: int | None
    is_open: bool
    due_at: datetime | None
    suppression: Suppression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRow:
    """A row of `conversation_state`, without what the backend has added to it."""

    id: int
    phone_number: str
    client_name: str | None
    elevenlabs_conversation_id: str
    agent_id: str
    batch_id: str | None
    recipient_id: str | None
    status: str | None
    call_summary: str | None
    call_duration_secs: int | None
    started_at: datetime | None
    last_message_at: datetime | None
    closed_at: datetime | None
    address: str | None
    last_inbound_at: datetime | None
    escalated_at: datetime | None
    message_count: int
    metadata: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEvent:
    """An event that was taken up. `outcome`: None while it has none."""

    at: datetime
    outcome: Json | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRow:
    """A row of `conversation_sends`."""

    own_id: UUID
    phone_number: str
    conversation_id: int
    turn_id: int
    turn_kind: str
    part: int
    to_address: str
    body: str
    content: Json | None
    state: str
    tries: int
    sid: str | None
    status: str | None
    rank: int
    error_code: str | None
    message_id: int | None
    planned_at: datetime
    intended_at: datetime | None
    accepted_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    came_back: bool
    times: int
    origin_turn: int | None
    origin_part: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTurn:
    """A turn that failed and was not taken up since."""

    phone_number: str
    #: Of the event of its failure.
    number: int
    #: As that event keeps it.
    turn: Json
    #: Our ids of the parts that the vendor has.
    accepted: frozenset[str]
    #: Something later was said.
    superseded: bool
    #: All of it was accepted, and a report said that some of it failed.
    burnt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message of a conversation, for a question to the agent."""

    id: int
    direction: Literal["inbound", "outbound"]
    content: str
    sent_at: datetime
    metadata: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event of the log, with where it belongs."""

    phone_number: str
    conversation_id: int
    partition: int
    row: LogRow


def columns(record: asyncpg.Record) -> dict[str, Any]:
    """Return a record's columns; times of the contract's tables, which have no zone, get UTC."""
    return {name: _aware(value) for name, value in record.items()}


def event(record: asyncpg.Record) -> StoredEvent:
    """Return an event of the log."""
    row = LogRow(**{name: record[name] for name in ("number", "sequence", "type", "at", "data")})
    names = ("phone_number", "conversation_id", "partition")
    return StoredEvent(row=row, **{name: record[name] for name in names})


def loaded(record: asyncpg.Record) -> Loaded:
    """Return an actor, or what stands in its place."""
    found = columns(record)
    source, event_id, since = (found.pop(name) for name in ("source", "event_id", "since"))
    row_id, state, is_open = found.pop("row_id"), found.pop("state"), found.pop("is_open")
    if state is None:
        found["conversation_id"] = row_id
    return Loaded(
        **found,
        state=None if state is None else state.encode(),
        is_open=bool(is_open),
        suppression=None if since is None else Suppression(source=source, event_id=event_id, since=since),
    )


def _aware(value: object) -> object:
    is_naive = isinstance(value, datetime) and value.tzinfo is None
    return value.replace(tzinfo=UTC) if is_naive else value  # type: ignore[attr-defined]
