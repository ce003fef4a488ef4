"""The store's tables in memory, as the rules' events change them, refusing what the store refuses."""

from dataclasses import dataclass, field, fields
from typing import Any, Final

from schemas.rows import (
    BackendPost,
    BackendPostTaken,
    Change,
    ConversationChange,
    Erasure,
    MessageRow,
    MessagesRemoved,
    MessageTimes,
    Outcome,
    SeenRow,
    SendChange,
    SuppressionChange,
)

Row = dict[str, Any]
OF_A_CONVERSATION: Final = (
    "client_name",
    "elevenlabs_conversation_id",
    "agent_id",
    "batch_id",
    "recipient_id",
    "status",
    "call_summary",
    "started_at",
    "last_message_at",
    "closed_at",
    "last_inbound_at",
    "escalated_at",
    "message_count",
    "metadata",
)
OF_A_MESSAGE: Final = ("direction", "content", "twilio_message_id", "sent_at", "delivered_at", "read_at")
"""The columns that a comparison of rows, in Postgres and as projected, goes by."""
# Above every rank, for a change without one.
_LAST = 99


@dataclass
class Tables:
    """One number's tables. `outcomes`: all that an event had, in order, by kind and id."""

    conversations: dict[int, Row] = field(default_factory=dict)
    messages: dict[int, Row] = field(default_factory=dict)
    sends: dict[str, Row] = field(default_factory=dict)
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    suppressed: Row | None = None
    posts: dict[int, Row] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        match change:
            case ConversationChange():
                self._conversation(change)
            case MessageRow():
                assert change.id not in self.messages, "a message's id is given twice"
                self.messages[change.id] = {each.name: getattr(change, each.name) for each in fields(change)}
            case MessageTimes():
                self._times(change)
            case SendChange():
                self._send(change)
            case SeenRow():
                assert (change.kind, change.event_id) not in self.seen, "an event is taken up twice"
                self.seen[change.kind, change.event_id] = change.phone_number
            case Outcome():
                assert (change.kind, change.event_id) in self.seen, "an outcome of what was never taken up"
                self.outcomes.setdefault((change.kind, change.event_id), []).append(change.outcome)
            case SuppressionChange():
                self.suppressed = None if change.since is None else {"source": change.source}
            case BackendPost():
                self.posts[change.number] = change.payload
            case BackendPostTaken():
                del self.posts[change.number]
            case MessagesRemoved():
                for message_id in change.message_ids:
                    self.messages.pop(message_id, None)
            case Erasure():
                self._erase()

    def _conversation(self, change: ConversationChange) -> None:
        row = self.conversations.setdefault(
            change.id,
            {"id": change.id, "message_count": 0, "metadata": {}, "phone_number": change.phone_number},
        )
        row.update(change.columns)
        row["message_count"] += change.messages
        kept = {key: value for key, value in row["metadata"].items() if key not in change.removed_metadata}
        row["metadata"] = kept | change.metadata
        if change.archived_call is not None:
            row["metadata"]["calls"] = [*row["metadata"].get("calls", []), change.archived_call]

    def _send(self, change: SendChange) -> None:
        row = self.sends.setdefault(change.own_id, {})
        assert change.columns.get("rank", _LAST) >= row.get("rank", -1), "a later status is taken back"
        assert not (change.columns.get("came_back") and row.get("came_back")), "a message comes back twice"
        row.update(change.columns)

    def _times(self, change: MessageTimes) -> None:
        row = self.messages.get(change.id, {})
        row["delivered_at"] = row.get("delivered_at") or change.delivered_at
        row["read_at"] = row.get("read_at") or change.read_at

    def _erase(self) -> None:
        for rows in (self.conversations, self.messages, self.sends, self.posts):
            rows.clear()
        self.seen = dict.fromkeys(self.seen, "")

    @property
    def row(self) -> Row:
        """The conversation's row."""
        [row] = self.conversations.values()
        return row

    def said(self, direction: str) -> list[str]:
        """Return the texts of messages in the order they were stored."""
        return [row["content"] for row in self.messages.values() if row["direction"] == direction]

    def outcome(self, kind: str, event_id: str) -> Row:
        """Return the newest outcome."""
        return self.outcomes[kind, event_id][-1]
