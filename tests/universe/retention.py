"""The statements of `db/sql/retention.sql`, and what must hold of a log without its beginning.

They are about what is kept only for a time.
"""

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from rules.codec import event_of
from rules.events import Recorded
from rules.evolve import evolve
from rules.state import Conversation
from schemas.rows import Change, SendChange, SendColumns
from tests.universe.rows import Row, Tables

_NOTHING = "DELETE 0"
_REPORTED = {"status", "rank", "error_code", "delivered_at", "read_at", "came_back", "times"}
"""What delivery reports change in a send."""
_MAY_STILL_LEAVE = ("planned", "intended", "unknown")


class Retention:
    """Their part of Postgres. Ids that were seen outlive every history, as they outlive the topics."""

    tables: Tables

    def now(self) -> datetime:
        raise NotImplementedError

    def _ago(self, seconds: float) -> datetime:
        return self.now() - timedelta(seconds=seconds)

    def expired_messages(self, seconds: float, at: datetime, last: int, most: int) -> list[Row]:
        before = self._ago(seconds).replace(tzinfo=None)
        rows = sorted(self.tables.messages.values(), key=lambda row: (row["sent_at"], row["id"]))
        found = [row for row in rows if row["sent_at"] < before and (row["sent_at"], row["id"]) > (at, last)]
        return [self._expired(row) for row in found[:most]]

    def _expired(self, row: Row) -> Row:
        of = self.tables.conversations[row["conversation_id"]]
        return Row(
            {name: row[name] for name in ("id", "sent_at", "conversation_id")},
            phone_number=of["phone_number"],
        )

    def old_events(self, seconds: float, partition: int, after: int, most: int) -> list[Row]:
        before, published = self._ago(seconds), self.tables.publication.get(partition, 0)
        found: list[Row] = []
        for (of, sequence), key in sorted(self.tables.sequences.items()):
            row = self.tables.log[key]
            if of == partition and after < sequence <= published:
                names = ("sequence", "conversation_id", "phone_number", "number")
                is_old = row["at"] < before or row["at"] > self.now() + timedelta(days=1)
                shown = {"is_snapshot": row["type"] == "snapshot", "is_old": is_old}
                found.append(Row({name: row[name] for name in names}, **shown))
        return found[:most]

    def newest_snapshots(self, conversations: Sequence[int]) -> list[Row]:
        found = {
            of: [row["number"] for row in self.tables.log_of(of) if row["type"] == "snapshot"]
            for of in conversations
        }
        return [Row(conversation_id=of, number=max(numbers)) for of, numbers in found.items() if numbers]

    def forget_events(self, conversations: Sequence[int], numbers: Sequence[int]) -> list[Row]:
        for of, number in zip(conversations, numbers, strict=True):
            for row in self.tables.log_of(of):
                if row["number"] <= number and row["sequence"] <= self.tables.publication.get(
                    row["partition"], 0
                ):
                    key = of, row["number"]
                    self.tables.old_log[key] = self.tables.log.pop(key)
                    del self.tables.sequences[row["partition"], row["sequence"]]
        return []

    def forget_sends(self, seconds: float, phones: Sequence[str]) -> list[Row]:
        before = self._ago(seconds)
        for row in [row for phone in phones for row in self.tables.sends_of(phone)]:
            if row["planned_at"] < before and row["state"] not in _MAY_STILL_LEAVE:
                self.tables.old_sends[row["own_id"]] = self.tables.sends.pop(row["own_id"])
        return []

    def forget_removals(self, seconds: float) -> list[Row]:
        removals, before = self.tables.removals, self._ago(seconds)
        for key in [
            key
            for key, row in removals.items()
            if row["conversation_id"] is None and row["removed_at"] < before
        ]:
            del removals[key]
        return []

    def forget_letters(self, seconds: float, most: int) -> list[Row]:
        return [Row(done=_NOTHING)]

    def forget_seen(self, seconds: float, most: int) -> list[Row]:
        return [Row(done=_NOTHING)]


def shortened_problem(key: str, whole: list[Row], left: list[Row], state: Conversation) -> str:
    """Return why a log shortened by retention does not fold to what the whole log does; empty if it does."""
    if len(left) == len(whole):
        return ""
    if [row["number"] for row in left] != list(range(len(whole) - len(left) + 1, len(whole) + 1)):
        return "retention has left a gap in the log"
    first = next((place for place, row in enumerate(left) if row["type"] == "snapshot"), None)
    if first is None:
        return "retention has removed events of which no snapshot tells"
    folded = Conversation(key=key)
    for row in left[first:]:
        event = event_of(row["type"], row["data"]["data"])
        known = Recorded(
            conversation_id=row["conversation_id"], number=row["number"], at=row["at"], event=event
        )
        folded = evolve(folded, known)
    return "" if folded == state else "the fold from its snapshot is another state"


def as_kept(change: Change, forgotten: Container[UUID]) -> Change:
    """Drop what reports say of a send that is no longer kept: without it, an old report looks like news."""
    if not (isinstance(change, SendChange) and UUID(change.own_id) in forgotten):
        return change
    columns = {name: value for name, value in change.columns.items() if name not in _REPORTED}
    return replace(change, columns=cast(SendColumns, columns))
