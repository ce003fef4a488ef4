"""A conversation's record: each event counts once, for its day, and is never taken back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from schemas.errors import InvalidInput
from schemas.events import EventType
from streams.stats.days import COUNTS, DAYS_KEPT
from streams.stats.event import Event
from streams.stats.record import apply, empty, has_begun, is_over, latest
from tests.support.stats_told import NOON, PHONE, event, story

BOGOTA = ZoneInfo("America/Bogota")


def test_a_conversation_is_told_by_its_record() -> None:
    record = story(
        event(1, "started", client_name="Ana", agent_id="agent", batch_id="batch", group_id="5"),
        event(2, "sent", kind="first", response_seconds=None),
        event(3, "received", NOON + timedelta(minutes=1)),
        event(4, "received", NOON + timedelta(minutes=2)),
    )
    assert (record["client_name"], record["agent_id"], record["batch_id"], record["group_id"]) == (
        "Ana",
        "agent",
        "batch",
        "5",
    )
    assert (record["sent"], record["received"], record["number"]) == (1, 2, 4)
    assert record["waiting_since"] == "2025-10-28T12:01:00+00:00"
    answered = apply(record, event(5, "sent", kind="reply", response_seconds=45.000001), UTC)
    assert answered["waiting_since"] is None
    assert answered["days"]["2025-10-28"]["response_microseconds"] == 45_000_001


def test_a_repeated_event_gives_the_same_record() -> None:
    record = story(event(1, "started"), event(2, "received"))
    assert apply(record, event(2, "received"), UTC) is record
    assert apply(record, event(1, "started"), UTC) is record


def test_of_what_a_changelog_tells_of_a_conversation_that_counts_which_knows_of_more() -> None:
    """A process that was thought dead may write its old record behind the new owner's."""
    old = story(event(1, "started"), event(2, "received"))
    new = apply(old, event(3, "received"), UTC)
    again = empty(new["conversation_id"] + 1, PHONE)
    assert latest(None, old) is old
    assert latest(old, new) is new
    assert latest(new, old) is new
    assert latest(new, {**new, "failed": 1})["failed"] == 1, "one that was made again"
    assert latest(new, again) is again
    assert latest(again, new) is again


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
        event(1, "started", NOON - timedelta(days=1)),
        event(2, "received", NOON - timedelta(hours=1)),
        event(3, "started"),
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
def test_what_cannot_be_counted_says_why(bad: Event) -> None:
    with pytest.raises(InvalidInput):
        apply(None, bad, ZoneInfo("Asia/Tokyo"))


def test_a_missed_event_leaves_a_gap_that_stays_known() -> None:
    record = story(event(1, "started"), event(3, "received"), event(4, "sent"))
    assert (record["gap"], record["number"]) == (True, 4)
    assert not story(event(1, "started"), event(2, "received"))["gap"]
    assert story(event(2, "received"))["gap"]


def test_types_that_nobody_knows_yet_are_counted_and_tell_the_status() -> None:
    later = Event(1, 2, PHONE, "on_leave", NOON, {}, "closed")
    assert story(event(1, "started"), later)["status"] == "closed"
    assert story(event(1, "started"), event(2, "details"))["number"] == 2


def test_messages_of_an_unknown_number_wait_for_their_call() -> None:
    waiting = story(
        event(1, "received", parked=True, message_sid="SM1"),
        event(2, "received", NOON + timedelta(minutes=1), parked=True, message_sid="SM2"),
    )
    assert not has_begun(waiting)
    assert (waiting["received"], waiting["days"]) == (0, {})
    begun = apply(waiting, event(3, "started", batch_id="b1"), UTC)
    assert has_begun(begun)
    assert (begun["received"], begun["waiting_since"]) == (2, NOON.isoformat())
    assert begun["days"]["2025-10-28"] | {"latency": {}} == {
        **dict.fromkeys(COUNTS, 0),
        "started": 1,
        "answered": 1,
        "received": 2,
        "latency": {},
    }
    assert begun["calls"][0]["answered"] == 1
    assert begun.keys() == empty(1, PHONE).keys()


def test_messages_that_nobody_takes_up_are_dropped() -> None:
    record = story(
        event(1, "received", parked=True, message_sid="SM1"),
        event(2, "received", parked=True, message_sid="STOP", asks=False),
        event(3, "unanswered", message_sids=["SM1"], reason="unknown_number"),
        event(4, "started"),
    )
    assert (record["received"], record["calls"][0]["answered"]) == (0, 0)
    assert is_over(story(event(1, "received", parked=True)), (NOON + timedelta(days=1)).isoformat())


def test_a_conversation_that_merged_into_another_is_none_of_its_own_and_its_messages_count() -> None:
    record = story(
        event(1, "received", parked=True, message_sid="SM1"),
        event(2, "started", client_name="Ana"),
        event(3, "received", NOON + timedelta(minutes=1)),
        event(4, "sent", kind="reply", response_seconds=1),
        event(5, "merging"),
        event(6, "merged"),
        event(7, "forwarded"),
    )
    [day] = record["days"].values()
    assert (day["started"], day["answered"], day["received"], day["sent"]) == (0, 0, 2, 1)
    assert (record["status"], record["calls"], record["waiting_since"], record["gap"]) == (
        "closed",
        [],
        None,
        False,
    )
    stranger = story(
        event(1, "received", parked=True, message_sid="SM1"), event(2, "merging"), event(3, "merged")
    )
    assert (has_begun(stranger), stranger.get("parked")) == (False, None)
