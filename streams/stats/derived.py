"""A conversation's record out of what Postgres holds: its events are made again and told to the same rules. Pure.

Postgres keeps no received, answered or sent events, but their messages; all others stand in its history.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Any

from streams.stats.record import Record, apply, empty
from streams.stats.times import utc
from streams.stats.told import Told

_AFTER_ALL = 2**63 - 1
_NO_TIME = datetime.min.replace(tzinfo=UTC)


def derived(row: Mapping[str, Any], zone: tzinfo, kept: int) -> Record:
    """Give the record of a row of the query `records`, as it is after the conversation's last event."""
    record = empty(row["id"], row["phone_number"])
    for number, (type_, at, data) in enumerate(_events(row), 1):
        record = apply(record, Told(row["id"], number, row["phone_number"], type_, at, data), zone, kept)
    return {**record, "number": row["event_number"], "gap": False, "status": row["status"]}


def _events(row: Mapping[str, Any]) -> Iterator[tuple[str, datetime, dict[str, Any]]]:
    """Give (type, time, data) in an order in which they may have happened: calls begin in theirs, all else within one."""
    history, messages = row["history"], row["messages"]
    begun = [(event["number"], event["data"].get("turn_id") or 0) for event in history if event["type"] == "started"]
    for (first, turn), (following, next_turn) in pairwise([*begun, (_AFTER_ALL, _AFTER_ALL)]):
        for event in history:
            if first <= event["number"] < following:
                yield event["type"], utc(datetime.fromisoformat(event["at"])), event["data"]
        for message in messages:
            if turn <= (message["turn_id"] or 0) < next_turn:
                yield _told_of(message)
    yield from map(_report, row["reports"])


def _told_of(message: Mapping[str, Any]) -> tuple[str, datetime, dict[str, Any]]:
    at = utc(datetime.fromisoformat(message["at"]))
    if message["direction"] == "inbound":
        return "received", at, {}
    return "sent", at, {"response_seconds": message["response_seconds"]}


def _report(report: Mapping[str, Any]) -> tuple[str, datetime, dict[str, Any]]:
    """A first message was delivered, whenever: it counts with its call."""
    status = "read" if report["read"] else "delivered"
    return "delivered", _NO_TIME, {"status": status, "kind": "first", "turn_id": report["turn_id"]}
