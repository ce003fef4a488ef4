"""The records and their sums: each event counts once, however often and in whatever company it is delivered."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidInput
from schemas.events import EventType
from streams.stats.days import COUNTS, DAYS_KEPT
from streams.stats.latency import QUANTILES, bucket, quantiles
from streams.stats.record import Record, apply
from streams.stats.told import Told
from streams.stats.totals import Totals, campaign_days, figures

BOGOTA = ZoneInfo("America/Bogota")
NOON = datetime(2025, 10, 28, 12, tzinfo=UTC)
PHONE = "+573138539155"


def event(
    number: int, type_: EventType, at: datetime = NOON, conversation: int = 1, phone: str = PHONE, **data: object
) -> Told:
    return Told(conversation, number, phone, type_, at, data)


def story(*events: Told, zone: ZoneInfo | None = None) -> Record:
    record: Record | None = None
    for each in events:
        record = apply(record, each, zone or UTC)
    assert record is not None
    return record


def test_a_conversation_is_told_by_its_record() -> None:
    record = story(
        event(1, "started", client_name="Ana", agent_id="agent", batch_id="batch", group_id="5"),
        event(2, "sent", kind="first", response_seconds=None),
        event(3, "received", NOON + timedelta(minutes=1)),
        event(4, "received", NOON + timedelta(minutes=2)),
    )
    assert (record["client_name"], record["agent_id"], record["batch_id"], record["group_id"]) == (
        "Ana", "agent", "batch", "5")  # fmt: skip
    assert (record["sent"], record["received"], record["number"]) == (1, 2, 4)
    assert record["waiting_since"] == "2025-10-28T12:01:00+00:00"
    answered = apply(record, event(5, "sent", kind="reply", response_seconds=45.000001), UTC)
    assert answered["waiting_since"] is None
    assert answered["days"]["2025-10-28"]["response_microseconds"] == 45_000_001


def test_a_repeated_event_gives_the_same_record() -> None:
    record = story(event(1, "started"), event(2, "received"))
    assert apply(record, event(2, "received"), UTC) is record
    assert apply(record, event(1, "started"), UTC) is record


def test_a_record_is_never_changed_in_place() -> None:
    record = story(event(1, "started"))
    before = repr(record)
    apply(record, event(2, "received"), UTC)
    assert repr(record) == before


def test_the_day_turns_in_the_configured_zone() -> None:
    late = datetime(2025, 10, 29, 3, tzinfo=UTC)  # still the 28th in Bogotá
    assert list(story(event(1, "started", late), zone=BOGOTA)["days"]) == ["2025-10-28"]


def test_a_message_belongs_to_the_day_on_which_it_came() -> None:
    record = story(
        event(1, "started", NOON),
        event(2, "received", NOON + timedelta(days=1), received_at="2025-10-28T23:59:59.5Z"),
    )
    assert record["days"]["2025-10-28"]["received"] == 1


def test_a_message_from_before_todays_call_is_no_answer_to_it() -> None:
    record = story(
        event(1, "started", NOON - timedelta(days=1)), event(2, "received", NOON - timedelta(hours=1)), event(3, "started")
    )
    assert record["days"]["2025-10-28"]["answered"] == 0
    assert apply(record, event(4, "received"), UTC)["days"]["2025-10-28"]["answered"] == 1


def test_two_calls_on_one_day_are_one_conversation() -> None:
    record = story(event(1, "started"), event(2, "received"), event(3, "started"))
    assert record["days"]["2025-10-28"]["started"] == 1


@pytest.mark.parametrize("ended", ["closed", "escalated"])
def test_a_status_follows_its_event(ended: EventType) -> None:
    record = story(event(1, "started"), event(2, ended))
    assert record["status"] == ended
    assert apply(record, event(3, "started"), UTC)["status"] == "active"


def test_a_client_who_writes_opens_a_closed_conversation() -> None:
    assert story(event(1, "started"), event(2, "closed"), event(3, "received"))["status"] == "active"
    assert story(event(1, "started"), event(2, "escalated"), event(3, "received"))["status"] == "escalated"


def test_an_erased_conversation_that_begins_again_is_a_new_one() -> None:
    old = story(event(1, "started"), event(2, "received"))
    new = apply(old, event(1, "started", conversation=2), UTC)
    assert (new["conversation_id"], new["received"], new["number"]) == (2, 0, 1)
    assert apply(new, event(3, "received", conversation=1), UTC) is new


def test_old_days_are_forgotten() -> None:
    record = story(event(1, "started"), event(2, "sent", NOON + timedelta(days=DAYS_KEPT)))
    assert list(record["days"]) == [(NOON + timedelta(days=DAYS_KEPT)).date().isoformat()]


@pytest.mark.parametrize(
    "bad",
    [
        event(0, "started"),
        event(1, "started", datetime(9999, 12, 31, 23)),
        event(1, "sent", response_seconds="soon"),
        event(1, "received", received_at="yesterday"),
    ],
)
def test_what_cannot_be_counted_says_why(bad: Told) -> None:
    with pytest.raises(InvalidInput):
        apply(None, bad, ZoneInfo("Asia/Tokyo"))


# Any schedule of at-least-once delivery: conversations interleave as they like, and after each event a conversation may
# go back to an earlier one and on from there, as after a crash.

TYPES: list[EventType] = ["started", "received", "sent", "answered", "delivered", "failed", "closed", "escalated", "parked"]
MOMENTS = st.datetimes(NOON.replace(tzinfo=None), (NOON + timedelta(days=3)).replace(tzinfo=None), timezones=st.just(UTC))
SECONDS = st.one_of(st.none(), st.decimals(0, 600, places=6).map(float))
PARTS = st.tuples(st.sampled_from(TYPES), MOMENTS, SECONDS)


@st.composite
def conversations(draw: st.DrawFn) -> list[list[Told]]:
    count = draw(st.integers(1, 4))
    return [
        [
            event(number, type_, at, conversation, f"+57313853915{conversation}", response_seconds=seconds)
            for number, (type_, at, seconds) in enumerate(draw(st.lists(PARTS, min_size=1, max_size=12)), 1)
        ]
        for conversation in range(1, count + 1)
    ]


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[list[Told]], list[Told]]:
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


def deliver(events: list[Told]) -> tuple[dict[str, Record], Totals]:
    records: dict[str, Record] = {}
    totals = Totals()
    for each in events:
        before = records.get(each.phone_number)
        records[each.phone_number] = after = apply(before, each, UTC)
        totals.replace(before, after)
    return records, totals


@given(schedules())
def test_any_redelivery_gives_the_totals_of_each_event_once(
    schedule: tuple[list[list[Told]], list[Told]],
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
    schedule: tuple[list[list[Told]], list[Told]], workers: int
) -> None:
    records, totals = deliver(schedule[1])
    parts = [Totals() for _ in range(workers)]
    for index, record in enumerate(records.values()):
        parts[index % workers].replace(None, record)
    for day in _days(records):
        assert figures([part.of(day) for part in parts]) == figures([totals.of(day)])


def test_taking_all_records_out_leaves_nothing() -> None:
    records, totals = deliver([event(1, "started"), event(2, "received"), event(3, "sent", response_seconds=0.1)])
    for record in records.values():
        totals.replace(record, None)
    assert totals.of("2025-10-28") == {"active": 0, **dict.fromkeys(COUNTS, 0), "latency": {}}


def test_the_figures_are_those_of_the_contract() -> None:
    phones = [f"+5731385391{number}" for number in range(10, 14)]
    started = [event(1, "started", conversation=n, phone=phone) for n, phone in enumerate(phones, 1)]
    answered = [event(2, "received", conversation=n, phone=phone) for n, phone in enumerate(phones[:3], 1)]
    sent = [
        event(3, "sent", conversation=1, phone=phones[0], response_seconds=40),
        event(3, "sent", conversation=2, phone=phones[1], response_seconds=50),
        event(2, "closed", conversation=4, phone=phones[3]),
    ]
    _, totals = deliver([*started, *answered, *sent])
    found = figures([totals.of("2025-10-28")])
    assert found.pop("response_time_seconds") == pytest.approx({"p50": 40, "p95": 40, "p99": 40}, rel=0.01)
    assert found == {
        "active_conversations": 3,
        "total_conversations_today": 4,
        "messages_sent_today": 2,
        "messages_received_today": 3,
        "response_rate": 75.0,
        "avg_response_time_seconds": 45.0,
    }
    assert figures([totals.of("2025-10-30")])["response_rate"] == 0


def test_a_missed_event_leaves_a_gap_that_stays_known() -> None:
    record = story(event(1, "started"), event(3, "received"), event(4, "sent"))
    assert (record["gap"], record["number"]) == (True, 4)
    assert not story(event(1, "started"), event(2, "received"))["gap"]
    assert story(event(2, "received"))["gap"]


def test_types_that_nobody_knows_yet_are_counted_and_tell_the_status() -> None:
    later = Told(1, 2, PHONE, "on_leave", NOON, {}, "closed")
    assert story(event(1, "started"), later)["status"] == "closed"
    assert story(event(1, "started"), event(2, "details"))["number"] == 2


def test_a_call_counts_for_the_day_on_which_it_began() -> None:
    next_day = NOON + timedelta(days=1)
    first = {"batch_id": "b1", "group_id": "5", "turn_id": 7}
    record = story(
        event(1, "started", **first),
        event(2, "sent", kind="first"),
        event(3, "delivered", next_day, kind="first", turn_id=7, status="read"),
        event(4, "failed", next_day, what="delivery", code="63016"),
        event(5, "received", next_day),
        event(6, "started", next_day, batch_id="b2", turn_id=9),
        event(7, "opted_out", next_day),
        event(8, "delivered", next_day, kind="reply", turn_id=8, status="delivered"),
    )
    totals = Totals()
    totals.replace(None, record)
    none = dict.fromkeys(("delivered", "read", "answered", "escalated", "stopped", "failed"), 0)
    b1 = {"started": 1, **none, "delivered": 1, "read": 1, "answered": 1, "failed": 1, "reasons": {"63016": 1}}
    assert campaign_days([totals.campaign({"batch_id": "b1"})]) == {"2025-10-28": b1}
    assert campaign_days([totals.campaign({"batch_id": "b1", "group_id": "6"})]) == {}
    assert campaign_days([totals.campaign({"batch_id": "b2"})]) == {
        "2025-10-29": {"started": 1, **none, "stopped": 1, "reasons": {}}
    }


@given(st.lists(st.decimals("0.001", 600, places=6).map(float), min_size=1, max_size=60), st.integers(1, 3))
def test_quantiles_of_merged_sketches_are_right_to_one_percent(seconds: list[float], workers: int) -> None:
    parts: list[Counter[str]] = [Counter() for _ in range(workers)]
    for index, each in enumerate(seconds):
        parts[index % workers][bucket(round(each * 1_000_000))] += 1
    merged = sum(parts, Counter())
    for name, share in QUANTILES.items():
        exact = sorted(seconds)[int(share * (len(seconds) - 1))]
        assert quantiles(merged)[name] == pytest.approx(exact, rel=0.021, abs=0.001)
