"""Conversations as Postgres has them, and their records: the truth that the tables are checked against."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Any, TypeVar

from db.pool import POSTGRES_ERRORS, Pool
from db.queries import Query
from db.readers.statistics import (
    IDS_OF,
    RECORDS,
    TOLD,
    FirstReport,
    KeptMessage,
    LoggedEvent,
    ToldConversation,
    WholeConversation,
)
from schemas.errors import Unavailable
from streams.stats.event import Event, utc
from streams.stats.record import Record, apply, empty

# Keys are tiny; a page of them takes milliseconds.
_KEYS_PER_PAGE = 5000
_MESSAGES = frozenset({"received", "sent"})
_AFTER_ALL = 2**63 - 1
_NO_TIME = datetime.min.replace(tzinfo=UTC)
R = TypeVar("R")


class Rows:
    """Rows of conversations. Every method raises `Unavailable` when Postgres does not answer."""

    def __init__(self, pool: Pool, closed_kept_days: int) -> None:
        self._pool = pool
        self._closed_kept_days = closed_kept_days

    async def keys(self, after: int) -> list[ToldConversation]:
        """Return a page of the conversations whose records are kept."""
        return await self._fetch(TOLD, after, _KEYS_PER_PAGE, self._closed_kept_days)

    async def ids(self, numbers: Sequence[str]) -> dict[str, int]:
        """Return the conversation ids of those numbers that have a conversation."""
        return {row.phone_number: row.id for row in await self._fetch(IDS_OF, numbers)}

    async def records(self, ids: Sequence[int]) -> list[WholeConversation]:
        """Return what `derived` needs."""
        return await self._fetch(RECORDS, ids)

    async def _fetch(self, query: Query[R], *arguments: object) -> list[R]:
        try:
            return await query.all(self._pool, *arguments)
        except POSTGRES_ERRORS as error:
            raise Unavailable("Postgres does not answer") from error


def derived(row: WholeConversation, zone: tzinfo, kept: int) -> Record:
    """Return the record of a conversation as it is after its last event. Pure.

    It is made from the log, by the rules of every record, but the contract's tables decide: a message that
    somebody took out of them is none, and the status is the row's.
    """
    record = empty(row.id, row.phone_number)
    for number, (type_, at, data) in enumerate(_events(row), 1):
        record = apply(record, Event(row.id, number, row.phone_number, type_, at, data), zone, kept)
    record.pop("parked", None)
    return {**record, "number": row.event_number, "gap": False, "status": row.status}


_Happened = tuple[str, datetime, dict[str, Any]]
"""Type, time and data of an event."""


def _events(row: WholeConversation) -> Iterator[_Happened]:
    there = {message["id"]: message for message in row.messages}
    expired = {identity for event in row.events for identity in event["data"].get("message_ids", ())}
    events = [event for event in row.events if not _is_gone(event, there.keys() | expired)]
    logged = {event["data"].get("message_id") for event in events if event["type"] in _MESSAGES}
    former = [event for event in events if event["version"] is not None]
    is_whole = row.events[0]["number"] == 1
    yield from _without_events(
        former, [each for each in there.values() if each["id"] not in logged], is_whole
    )
    yield from (_of_log(event) for event in events if event["version"] is None)
    yield from map(_report, row.reports)


def _is_gone(event: LoggedEvent, known: set[int]) -> bool:
    return event["type"] in _MESSAGES and event["data"].get("message_id", 0) not in known


def _of_log(event: LoggedEvent) -> _Happened:
    return event["type"], utc(datetime.fromisoformat(event["at"])), event["data"]


def _without_events(
    events: list[LoggedEvent], messages: list[KeptMessage], is_whole: bool
) -> Iterator[_Happened]:
    """Yield former events, and from the rows the messages that have none.

    Builds before the log kept no events of messages, and the log is only kept for a time. The turns say
    between which calls a message belongs. What was there before the service counts nowhere.
    """
    begun = [
        (event["number"], event["data"].get("turn_id") or 0) for event in events if event["type"] == "started"
    ]
    if not is_whole:
        begun.insert(0, (0, 0))
    asked = _asked(messages)
    for (first, turn), (following, next_turn) in pairwise([*begun, (_AFTER_ALL, _AFTER_ALL)]):
        of_call = [event for event in events if first <= event["number"] < following]
        yield from (_of_log(event) for event in of_call if event["type"] not in _MESSAGES)
        for message in messages:
            if turn <= (message["turn_id"] or 0) < next_turn:
                yield _of_row(message, asked)
        yield from (_of_log(event) for event in of_call if event["type"] in _MESSAGES)


def _asked(messages: list[KeptMessage]) -> dict[int, datetime]:
    """Return when the first message that each turn answers came."""
    times: dict[int, datetime] = {}
    for message in messages:
        if message["direction"] == "inbound" and message["turn_id"] is not None:
            at = _time(message)
            times[message["turn_id"]] = min(at, times.get(message["turn_id"], at))
    return times


def _of_row(message: KeptMessage, asked: dict[int, datetime]) -> _Happened:
    """Return a row as an event. `asked`: popped once answered, as only an answer's first message counts."""
    at = _time(message)
    if message["direction"] == "inbound":
        return "received", at, {}
    since = None if message["turn_id"] is None else asked.pop(message["turn_id"], None)
    return "sent", at, {"response_seconds": None if since is None else (at - since).total_seconds()}


def _time(message: KeptMessage) -> datetime:
    return utc(datetime.fromisoformat(message["at"]))


def _report(report: FirstReport) -> _Happened:
    """Return a first message's report as an event; whenever it came, it counts with its call."""
    status = "read" if report["read"] else "delivered"
    return "delivered", _NO_TIME, {"status": status, "kind": "first", "turn_id": report["turn_id"]}
