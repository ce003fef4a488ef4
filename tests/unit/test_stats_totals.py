"""The records' sums count each event once, however often and in whatever company it is delivered."""

from datetime import UTC, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import EventType
from streams.stats.days import COUNTS
from streams.stats.event import Event
from streams.stats.record import Record
from streams.stats.totals import Totals, figures
from tests.support.stats_told import NOON, deliver, event

# Any schedule of at-least-once delivery: conversations interleave freely, and after each event a conversation
# may go back to an earlier one and on from there, as after a crash.

TYPES: list[EventType] = [
    "started",
    "received",
    "sent",
    "answered",
    "delivered",
    "failed",
    "closed",
    "escalated",
    "parked",
]
MOMENTS = st.datetimes(
    NOON.replace(tzinfo=None), (NOON + timedelta(days=3)).replace(tzinfo=None), timezones=st.just(UTC)
)
SECONDS = st.one_of(st.none(), st.decimals(0, 600, places=6).map(float))
PARTS = st.tuples(st.sampled_from(TYPES), MOMENTS, SECONDS)


@st.composite
def conversations(draw: st.DrawFn) -> list[list[Event]]:
    count = draw(st.integers(1, 4))
    return [
        [
            event(number, type_, at, conversation, f"+57313853915{conversation}", response_seconds=seconds)
            for number, (type_, at, seconds) in enumerate(draw(st.lists(PARTS, min_size=1, max_size=12)), 1)
        ]
        for conversation in range(1, count + 1)
    ]


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[list[Event]], list[Event]]:
    """The conversations, and one order in which all of their events were delivered at least once."""
    told = draw(conversations())
    next_up = [0] * len(told)
    delivered = []
    while open_ones := [index for index, events in enumerate(told) if next_up[index] < len(events)]:
        index = draw(st.sampled_from(open_ones))
        delivered.append(told[index][next_up[index]])
        next_up[index] += 1
        if len(delivered) < 200 and draw(st.booleans()):
            again = draw(st.integers(0, len(told) - 1))
            next_up[again] = draw(st.integers(0, next_up[again]))
    return told, delivered


@given(schedules())
def test_any_redelivery_gives_the_totals_of_each_event_once(
    schedule: tuple[list[list[Event]], list[Event]],
) -> None:
    told, delivered = schedule
    once, expected = deliver([each for events in told for each in events])
    records, totals = deliver(delivered)
    anew = Totals()
    for record in records.values():
        anew.replace(None, record)
    assert records == once
    for day in {day for record in once.values() for day in record["days"]} | {"2025-10-28"}:
        assert totals.of(day) == expected.of(day) == anew.of(day)
    sent = sum(each.type == "sent" for events in told for each in events)
    assert sum(totals.of(day)["sent"] for day in _days(records)) == sent


def _days(records: dict[str, Record]) -> set[str]:
    return {day for record in records.values() for day in record["days"]}


@given(schedules(), st.integers(1, 3))
def test_sums_over_disjoint_parts_are_the_sums_over_all(
    schedule: tuple[list[list[Event]], list[Event]], workers: int
) -> None:
    records, totals = deliver(schedule[1])
    parts = [Totals() for _ in range(workers)]
    for index, record in enumerate(records.values()):
        parts[index % workers].replace(None, record)
    for day in _days(records):
        assert figures([part.of(day) for part in parts]) == figures([totals.of(day)])


def test_taking_all_records_out_leaves_nothing() -> None:
    records, totals = deliver(
        [event(1, "started"), event(2, "received"), event(3, "sent", response_seconds=0.1)]
    )
    for record in records.values():
        totals.replace(record, None)
    assert totals.of("2025-10-28") == {"active": 0, **dict.fromkeys(COUNTS, 0), "latency": {}}
