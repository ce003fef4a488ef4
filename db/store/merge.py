"""One write's changes, at most one per row: a statement can change a row only once."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from schemas.rows import (
    BackendPost,
    BackendPostTaken,
    Change,
    ConversationChange,
    Erasure,
    Json,
    MessageRow,
    MessagesRemoved,
    MessageTimes,
    Outcome,
    SeenRow,
    SendChange,
    SuppressionChange,
)

_CALLS = "calls"
_ERASED = (ConversationChange, MessageRow, MessagesRemoved, MessageTimes, SendChange)


@dataclass(slots=True, kw_only=True)
class Merged:
    """Changes by row, in the order in which the rows came up.

    `archived`: calls to append to `metadata.calls`, by conversation.
    `removed`: the conversation of each message that is removed.
    """

    conversations: dict[int, ConversationChange] = field(default_factory=dict)
    archived: dict[int, list[Json]] = field(default_factory=dict)
    messages: dict[int, MessageRow] = field(default_factory=dict)
    times: dict[int, MessageTimes] = field(default_factory=dict)
    removed: dict[int, int] = field(default_factory=dict)
    sends: dict[str, SendChange] = field(default_factory=dict)
    seen: dict[tuple[str, str], SeenRow] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    suppressions: dict[str, SuppressionChange] = field(default_factory=dict)
    posts: dict[tuple[int, int], BackendPost] = field(default_factory=dict)
    taken_posts: dict[tuple[int, int], BackendPostTaken] = field(default_factory=dict)
    erasure: Erasure | None = None

    def add(self, change: Change) -> None:
        """Add the next change.

        Raises:
            ValueError: its row is erased by an earlier change of the same write.
        """
        if self.erasure is not None and isinstance(change, _ERASED):
            raise ValueError("what an erasure removes cannot change again in the same write")
        match change:
            case ConversationChange():
                self._conversation(change)
            case MessageRow():
                self.messages[change.id] = change
            case MessageTimes():
                self._times(change)
            case MessagesRemoved():
                self._remove(change)
            case SendChange():
                self._send(change)
            case SeenRow():
                self.seen[change.kind, change.event_id] = change
            case Outcome():
                self.outcomes[change.kind, change.event_id] = change
            case SuppressionChange():
                self.suppressions[change.phone_number] = change
            case BackendPost():
                self.posts[change.conversation_id, change.number] = change
            case BackendPostTaken():
                self._post_taken(change)
            case Erasure():
                self._erase(change)

    def _conversation(self, change: ConversationChange) -> None:
        calls = self.archived.setdefault(change.id, [])
        if _CALLS in change.removed_metadata or _CALLS in change.metadata:
            calls.clear()
        if change.archived_call is not None:
            calls.append(change.archived_call)
        former = self.conversations.get(change.id)
        self.conversations[change.id] = change if former is None else _both(former, change)

    def _times(self, change: MessageTimes) -> None:
        if (row := self.messages.get(change.id)) is not None:
            self.messages[change.id] = replace(row, **_first_times(row, change))
        elif (former := self.times.get(change.id)) is not None:
            self.times[change.id] = replace(former, **_first_times(former, change))
        else:
            self.times[change.id] = change

    def _remove(self, change: MessagesRemoved) -> None:
        for message_id in change.message_ids:
            if self.messages.pop(message_id, None) is None:
                self.removed[message_id] = change.conversation_id
            self.times.pop(message_id, None)

    def _send(self, change: SendChange) -> None:
        if (former := self.sends.get(change.own_id)) is not None:
            change = replace(change, columns={**former.columns, **change.columns})
        self.sends[change.own_id] = change

    def _post_taken(self, change: BackendPostTaken) -> None:
        key = change.conversation_id, change.number
        if self.posts.pop(key, None) is None:
            self.taken_posts[key] = change

    def _erase(self, change: Erasure) -> None:
        """Drop what changed before with the rest; ids, outcomes and suppression stay."""
        for rows in (
            self.conversations,
            self.archived,
            self.messages,
            self.times,
            self.removed,
            self.sends,
            self.posts,
        ):
            rows.clear()
        self.taken_posts.clear()
        self.erasure = change


def merge(changes: Iterable[Change]) -> Merged:
    """Merge the changes of one write.

    Raises:
        ValueError: they contradict each other.
    """
    merged = Merged()
    for change in changes:
        merged.add(change)
    return merged


def _both(first: ConversationChange, then: ConversationChange) -> ConversationChange:
    kept = {key: value for key, value in first.metadata.items() if key not in then.removed_metadata}
    removed = dict.fromkeys((*first.removed_metadata, *then.removed_metadata))
    return replace(
        then,
        columns={**first.columns, **then.columns},
        metadata=kept | then.metadata,
        removed_metadata=tuple(removed),
        messages=first.messages + then.messages,
    )


def _first_times(row: MessageRow | MessageTimes, change: MessageTimes) -> Json:
    return {
        "delivered_at": row.delivered_at or change.delivered_at,
        "read_at": row.read_at or change.read_at,
    }
