"""The statements of `db/sql/stats.sql` that rebuild records, and what the statistics must add up to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from streams.stats.event import Event
from streams.stats.record import ERASED, Record, apply, has_begun
from streams.stats.totals import figures
from tests.universe.rows import Row, Tables, json

if TYPE_CHECKING:
    from tests.universe.universe import Universe

_WORDS = (
    "content",
    "text",
    "parts",
    "reply",
    "call",
    "former",
    "row",
    "turn",
    "letter",
    "letters",
    "hand_over",
)


class Statistics:
    """The statistics' part of Postgres."""

    tables: Tables

    def now(self) -> datetime:
        raise NotImplementedError

    def told(self, after: int, most: int, days: int) -> list[Row]:
        long_ago, found = self.now().replace(tzinfo=None) - timedelta(days=days), list[Row]()
        for of in sorted(self.tables.conversations):
            row, log = self.tables.conversations[of], self.tables.log_of(of)
            is_old = row["status"] == "closed" and (row["last_message_at"] or row["started_at"]) < long_ago
            if of > after and log and not is_old:
                found.append(Row(id=of, phone_number=row["phone_number"], event_number=log[-1]["number"]))
        return found[:most]

    def ids_of(self, numbers: Sequence[str]) -> list[Row]:
        found = [row for row in self.tables.conversations.values() if row["phone_number"] in numbers]
        return [
            Row(id=row["id"], phone_number=row["phone_number"])
            for row in found
            if self.tables.log_of(row["id"])
        ]

    def records(self, ids: Sequence[int]) -> list[Row]:
        return [self._record(of) for of in ids if of in self.tables.conversations and self.tables.log_of(of)]

    def _record(self, of: int) -> Row:
        tables, row, log = self.tables, self.tables.conversations[of], self.tables.log_of(of)
        messages = [
            message for _, message in sorted(tables.messages.items()) if message["conversation_id"] == of
        ]
        reports = [
            {"turn_id": send["turn_id"], "read": send["read_at"] is not None}
            for send in tables.sends_of(row["phone_number"])
            if send["conversation_id"] == of
            and send["turn_kind"] == "call"
            and (send["delivered_at"] or send["read_at"])
        ]
        waiting = sum(each["sequence"] > tables.publication.get(each["partition"], 0) for each in log)
        return Row(
            id=of,
            phone_number=row["phone_number"],
            status=row["status"],
            event_number=log[-1]["number"],
            waiting=waiting,
            events=[_event(each) for each in log],
            messages=[_message(each) for each in messages],
            reports=reports,
        )


def _event(row: Row) -> dict[str, Any]:
    data = {name: value for name, value in row["data"]["data"].items() if name not in _WORDS}
    version = row["data"].get("schema_version")
    return {
        "number": row["number"],
        "type": row["type"],
        "at": _written(row["at"]),
        "version": version,
        "data": json(data),
    }


def _message(row: Row) -> dict[str, Any]:
    turn = (row["metadata"] or {}).get("turn_id")
    return {"id": row["id"], "direction": row["direction"], "at": _written(row["sent_at"]), "turn_id": turn}


def _written(at: datetime) -> str:
    """Return a time as JSONB writes it."""
    text = at.isoformat()
    day, dot, rest = text.partition(".")
    if not dot:
        return text
    return f"{day}.{rest[:6].rstrip('0')}{rest[6:]}" if rest[:6].strip("0") else day + rest[6:]


def judge_statistics(universe: "Universe") -> None:
    """Check that what the processes keep together is what the log folds to."""
    expected = {key: record for key in universe.people.keys if (record := _folded(universe, key)) is not None}
    found: dict[str, Record] = {}
    for worker in universe.stats.values():
        assert worker.records is not None, "it has begun"
        found |= {record["phone_number"]: record for record in worker.records.all() if has_begun(record)}
        if not worker.records.complete:
            universe.world.violated(f"{worker.process.name}: the statistics are not complete")
    active = sum(record["status"] == "active" for record in found.values())
    for key in sorted((expected.keys() | found.keys()) - universe.people.erased - _shortened(universe)):
        one, other = expected.get(key), found.get(key)
        if _shown(one) != _shown(other):
            universe.world.violated(
                f"{key}: statistics differ from the log: {_differences(one or {}, other or {})}"
            )
    day = universe.world.datetime().date().isoformat()
    sums = figures([worker.records.totals.of(day) for worker in universe.stats.values() if worker.records])
    rows = sum(row["status"] == "active" for row in universe.postgres.tables.conversations.values())
    if active != rows:
        universe.world.violated(f"statistics: {active} conversations are active, in Postgres {rows}")
    people = sum(
        "merged_into" not in row["metadata"] for row in universe.postgres.tables.conversations.values()
    )
    if sums["total_conversations_today"] != people and not _shortened(universe):
        universe.world.violated(
            f"statistics: {sums['total_conversations_today']} people today, in Postgres {people}"
        )
    if sums["active_conversations"] != active:
        universe.world.violated(f"statistics: {sums['active_conversations']} active of {active}")


def _shortened(universe: "Universe") -> set[str]:
    """Return the numbers whose rows retention has removed: a rebuilt record tells only of what is left."""
    tables = universe.postgres.tables
    expired = [row for row in (*tables.old_log.values(), *tables.log.values()) if row["type"] == "expired"]
    return {row["phone_number"] for row in (*tables.old_log.values(), *expired)}


def _differences(one: Record, other: Record) -> list[Record]:
    names = sorted(
        name for name in {**one, **other} if name != "partition" and one.get(name) != other.get(name)
    )
    return [{name: each.get(name) for name in names} for each in (one, other)]


def _shown(record: Record | None) -> Record | None:
    return (
        None
        if record is None
        else {name: value for name, value in record.items() if name not in ("partition", "gap")}
    )


def _folded(universe: "Universe", key: str) -> Record | None:
    actor, record = universe.postgres.tables.actors.get(key), None
    if actor is None or actor["conversation_id"] is None or key in universe.people.erased:
        return None
    for row in universe.postgres.tables.history_of(actor["conversation_id"]):
        status = row["data"]["state"].get("status")
        event = Event(
            row["conversation_id"], row["number"], key, row["type"], row["at"], row["data"]["data"], status
        )
        worker = next(iter(universe.stats.values()))
        assert worker.records is not None, "it has begun"
        record = apply(record, event, worker.records.zone, worker.records.days_kept)
    return None if record is None or record["status"] == ERASED or not has_begun(record) else record
