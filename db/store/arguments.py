"""A group of writes as the arguments of the statement that writes them: an array per column of each table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from db.store.merge import Merged
from db.store.write import Write
from schemas.phone import number_digests
from schemas.rows import ConversationChange, Json

_COLUMNS = {
    "log": ("place", "number", "sequence", "type", "at", "data"),
    "seen": ("place", "kind", "event_id", "number", "at", "outcome"),
    "outcome": ("place", "kind", "event_id", "value", "is_erased"),
    "notify": ("place", "kind", "event_id"),
    "row": ("place", "id", "number", "columns", "edit", "messages"),
    "message": (
        *("place", "id", "conversation", "direction", "content", "sid"),
        *("response", "sent_at", "delivered_at", "read_at", "metadata"),
    ),
    "times": ("place", "id", "delivered_at", "read_at"),
    "gone": ("place", "conversation", "id"),
    "send": ("place", "own_id", "columns"),
    "suppression": ("place", "number", "source", "event_id", "since"),
    "post": ("place", "conversation", "number", "phone", "payload"),
    "taken": ("place", "conversation", "number"),
    "erasure": ("place", "number", "digest", "conversation", "at", "spooled_until"),
}
"""Of each table, named as in `sql/store_append.sql`. `place`: which write of the group a row belongs to.

A JSON value is an object or None: asyncpg would take a list for another dimension of the array.
"""

_ACTOR = (
    *(
        "place",
        "key",
        "partition",
        "epoch",
        "version",
        "write_id",
        "conversation",
        "state",
        "is_open",
        "due_at",
    ),
)

# The contract's defaults, for a row of `conversation_state` that is created without every column given.
_NEW_ROW = {"status": "active", "elevenlabs_conversation_id": "", "agent_id": ""}
_NEW_SEND = {"tries": 0, "rank": -1, "came_back": False, "times": 0}


class Arguments:
    """The writes of a group, collected.

    `tables`: those that get a row, and `advance`, `open`, `remove` for what becomes of the actors' own rows;
    `erasure_key`: see `db.store.erasures`.
    """

    def __init__(self, erasure_key: bytes) -> None:
        self._erasure_key = erasure_key
        self.tables: set[str] = set()
        self._values: dict[str, Any] = {"row_defaults": _NEW_ROW, "send_defaults": _NEW_SEND}
        self._values |= {name: [] for name in _ACTOR}
        self._values |= {f"{table}_{name}": [] for table, names in _COLUMNS.items() for name in names}

    def values(self, names: Sequence[str]) -> list[Any]:
        """Return arguments by their names."""
        return [self._values[name] for name in names]

    def add(self, place: int, write: Write, merged: Merged) -> None:
        """Add one conversation's write.

        Raises:
            ValueError: its state is not UTF-8.
        """
        state = None if write.state is None else write.state.decode()
        self._append(
            _ACTOR,
            *(place, write.phone_number, write.partition, write.epoch, write.version, write.write_id),
            *(write.conversation_id, state, write.is_open, write.due_at),
        )
        self.tables |= {"remove"} if state is None else {"advance" if write.version else "open"}
        for row in write.log:
            self._row("log", place, row.number, row.sequence, row.type, row.at, row.data)
        self._inputs(place, merged, is_past=write.is_past)
        self._conversation(place, merged)
        self._outside(place, merged)

    def _inputs(self, place: int, merged: Merged, *, is_past: bool) -> None:
        is_erased = merged.erasure is not None
        for key, seen in merged.seen.items():
            outcome = merged.outcomes.get(key)
            number = "" if is_erased else seen.phone_number
            self._row("seen", place, *key, number, seen.at, outcome and outcome.outcome)
        for key, outcome in merged.outcomes.items():
            if not is_past:
                self._row("notify", place, *key)
            if key not in merged.seen:
                self._row("outcome", place, *key, outcome.outcome, is_erased)

    def _conversation(self, place: int, merged: Merged) -> None:
        for change in merged.conversations.values():
            self._row("row", place, *_conversation(change, merged.archived[change.id]))
        for row in merged.messages.values():
            self._row(
                *(
                    "message",
                    place,
                    row.id,
                    row.conversation_id,
                    row.direction,
                    row.content,
                    row.twilio_message_id,
                ),
                *(
                    row.elevenlabs_response,
                    _utc(row.sent_at),
                    _utc(row.delivered_at),
                    _utc(row.read_at),
                    row.metadata,
                ),
            )
        for times in merged.times.values():
            self._row("times", place, times.id, _utc(times.delivered_at), _utc(times.read_at))
        for message_id, conversation_id in merged.removed.items():
            self._row("gone", place, conversation_id, message_id)

    def _outside(self, place: int, merged: Merged) -> None:
        for send in merged.sends.values():
            self._row("send", place, send.own_id, send.columns)
        for wish in merged.suppressions.values():
            self._row("suppression", place, wish.phone_number, wish.source, wish.event_id, _utc(wish.since))
        for post in merged.posts.values():
            self._row("post", place, post.conversation_id, post.number, post.phone_number, post.payload)
        for taken in merged.taken_posts.values():
            self._row("taken", place, taken.conversation_id, taken.number)
        if (erased := merged.erasure) is not None:
            row = erased.conversation_id, _utc(erased.at), erased.spooled_until
            for digest in number_digests(self._erasure_key, erased.phone_number):
                self._row("erasure", place, erased.phone_number, digest, *row)

    def _row(self, table: str, *values: object) -> None:
        self.tables.add(table)
        self._append([f"{table}_{name}" for name in _COLUMNS[table]], *values)

    def _append(self, names: Sequence[str], *values: object) -> None:
        for name, value in zip(names, values, strict=True):
            self._values[name].append(value)


def _conversation(change: ConversationChange, calls: list[Json]) -> tuple[object, ...]:
    columns = {
        name: _utc(value) if isinstance(value, datetime) else value for name, value in change.columns.items()
    }
    edit = None
    if change.metadata or change.removed_metadata or calls:
        edit = {"set": change.metadata, "remove": change.removed_metadata, "calls": calls}
    return change.id, change.phone_number, columns, edit, change.messages


def _utc(at: datetime | None) -> datetime | None:
    """Return a time as the contract's tables have it: UTC, without a zone."""
    return None if at is None else at.astimezone(UTC).replace(tzinfo=None)
