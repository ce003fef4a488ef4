"""Events as the statistics are told them, the record that some make, and the sums of all."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from schemas.events import EventType
from streams.stats.event import Event
from streams.stats.record import Record, apply
from streams.stats.totals import Totals

NOON = datetime(2025, 10, 28, 12, tzinfo=UTC)
PHONE = "+573138539155"


def event(
    number: int,
    type_: EventType,
    at: datetime = NOON,
    conversation: int = 1,
    phone: str = PHONE,
    **data: object,
) -> Event:
    return Event(conversation, number, phone, type_, at, data)


def story(*events: Event, zone: ZoneInfo | None = None) -> Record:
    """Return the record of a conversation with these events."""
    record: Record | None = None
    for each in events:
        record = apply(record, each, zone or UTC)
    assert record is not None
    return record


def deliver(events: list[Event]) -> tuple[dict[str, Record], Totals]:
    """Return the records by number and their sums, kept up to date event by event."""
    records: dict[str, Record] = {}
    totals = Totals()
    for each in events:
        before = records.get(each.phone_number)
        records[each.phone_number] = after = apply(before, each, UTC)
        totals.replace(before, after)
    return records, totals
