"""Delivery reports: in any order, repeated, early, late, or for messages that are not known."""

import random
from datetime import timedelta

import pytest

from rules import inputs as i
from rules.events import Delivered, DeliveryFailed
from schemas.statuses import rank_of
from tests.support.chat import Chat, talking, types


def sent() -> tuple[Chat, str]:
    chat = talking()
    chat.exchange()
    return chat, chat.sent_ids()[-1]


def sending(text: str = "uno") -> tuple[Chat, str]:
    chat = talking()
    chat.write("¿precio?")
    chat.answer(text)
    return chat, chat.sends()[0].part.own_id


def test_in_any_order_and_repeated_the_furthest_counts_with_its_times() -> None:
    chat, own_id = sent()
    begun, shuffled = chat.now, ["sent", "delivered", "read"] * 3
    random.Random(7).shuffle(shuffled)
    told = [event for status in shuffled for event in _after(chat, 1, own_id, status)]
    assert all(isinstance(event, Delivered) for event in told)
    assert len(told) <= 3, "repetitions make no events"
    row = list(chat.tables.messages.values())[-1]
    send = chat.tables.sends[own_id]
    assert send["status"] == "read"
    assert row["read_at"] == send["read_at"] == begun + timedelta(seconds=shuffled.index("read") + 1)
    assert row["delivered_at"] is not None, "read says that it was delivered"


def _after(chat: Chat, seconds: float, own_id: str, status: str) -> list[object]:
    chat.now += timedelta(seconds=seconds)
    return list(chat.report(own_id, status))


def test_a_failure_is_told_in_words_and_stays() -> None:
    chat, own_id = sent()
    failure = i.Failure(kind="final", code="63024", reason="No lo admite", vendor_words="Invalid recipient")
    failed = chat.report(own_id, "undelivered", failure=failure)[0]
    assert isinstance(failed, DeliveryFailed)
    assert (failed.code, failed.reason, failed.vendor_words) == ("63024", "No lo admite", "Invalid recipient")
    assert chat.report(own_id, "sent") == []
    assert chat.report(own_id, "undelivered", failure=failure) == []
    assert (chat.tables.sends[own_id]["status"], chat.tables.sends[own_id]["error_code"]) == (
        "undelivered",
        "63024",
    )


def test_an_unknown_status_breaks_nothing() -> None:
    chat, own_id = sent()
    assert types(chat.report(own_id, "teleported")) == ["delivered"]
    assert types(chat.report(own_id, "delivered")) == ["delivered"]


@pytest.mark.parametrize("status", ["sent", "delivered"])
def test_a_report_with_our_id_completes_a_send_before_its_answer(status: str) -> None:
    chat, own_id = sending("uno\n\ndos")
    assert types(chat.report(own_id, status, sid="MM1")) == ["sent", "delivered"]
    assert chat.give(i.SendAccepted(own_id=own_id, sid="MM1")) == [], "the answer tells what is known"
    chat.accept()
    assert chat.said()[1:] == ["uno", "dos"]


def test_a_report_that_it_failed_completes_it_too() -> None:
    chat, own_id = sending()
    failure = i.Failure(kind="final", code="63024")
    assert types(chat.report(own_id, "undelivered", sid="MM1", failure=failure)) == [
        "sent",
        "failed",
        "answered",
    ]
    chat.accept()
    assert chat.state.is_idle


def test_a_report_without_an_id_of_either_side_proves_nothing() -> None:
    chat, own_id = sending()
    assert chat.report(own_id, "sent", sid=None) == []


def early(chat: Chat, status: str, sid: str, **over: object) -> list[str]:
    """A report of the vendor's sender, which knows nothing of our id."""
    given = {"own_id": None, "sid": sid, "status": status, "rank": rank_of(status), "at": chat.now}
    given |= {"delivered": status in ("delivered", "read"), "read": status == "read"}
    return types(chat.give(i.DeliveryReported(**(given | over))))  # type: ignore[arg-type]


def test_reports_before_the_answer_wait_for_their_message() -> None:
    chat, own_id = sending()
    assert early(chat, "delivered", "MM1") == ["reported_early"]
    assert early(chat, "sent", "MM1") == ["reported_early"]
    assert early(chat, "sent", "MM7") == ["reported_early"], "perhaps of another one"
    told = types(chat.give(i.SendAccepted(own_id=own_id, sid="MM1")))
    assert told == ["sent", "delivered", "delivered"]
    assert chat.tables.sends[own_id]["status"] == "delivered"
    assert chat.state.early_reports == ()


def test_a_failure_before_the_answer_waits_with_its_words() -> None:
    chat, own_id = sending()
    early(
        chat, "failed", "MM1", failure=i.Failure(kind="slow", code="63018", reason="Muchos", vendor_words="w")
    )
    [_, failed] = chat.give(i.SendAccepted(own_id=own_id, sid="MM1"))
    assert isinstance(failed, DeliveryFailed)
    assert (failed.code, failed.reason, failed.vendor_words) == ("63018", "Muchos", "w")
    assert failed.came_back is not None


@pytest.mark.parametrize("delivered", ["delivered", "read"])
def test_a_failure_after_a_delivery_brings_nothing_back_when_both_came_before_the_answer(
    delivered: str,
) -> None:
    chat, own_id = sending()
    early(chat, delivered, "MM1")
    early(chat, "failed", "MM1", failure=i.Failure(kind="passing", code="30008", reason="Pasajero"))
    [_, first, failed] = chat.give(i.SendAccepted(own_id=own_id, sid="MM1"))
    assert isinstance(first, Delivered)
    assert isinstance(failed, DeliveryFailed)
    assert (failed.came_back, chat.state.came_back) == (None, ())


def test_a_report_that_proves_a_send_takes_nothing_back_of_what_was_told_before_it() -> None:
    chat, own_id = sending()
    early(chat, "failed", "MM1", failure=i.Failure(kind="suppress", code="21610", reason="Se dio de baja"))
    told = types(chat.report(own_id, "sent", sid="MM1"))
    assert "delivered" not in told
    assert chat.tables.sends[own_id]["status"] == "failed"


def test_the_same_early_report_twice_is_noted_once() -> None:
    chat, own_id = sending()
    for _ in range(2):
        early(chat, "failed", "MM1", failure=i.Failure(kind="slow", code="63018", reason="Muchos"))
    told = types(chat.give(i.SendAccepted(own_id=own_id, sid="MM1")))
    assert told.count("failed") == 1


def test_reports_of_messages_that_are_none_of_ours_are_let_go() -> None:
    chat, _ = sent()
    assert early(chat, "delivered", "MM77") == []


def test_only_the_newest_early_reports_are_kept() -> None:
    chat, own_id = sending()
    for place in range(50):
        early(chat, "sent", f"MM{place}")
    assert len(chat.state.early_reports) == 20


def test_a_second_sid_of_a_send_that_was_repeated_is_noted_and_the_first_stays() -> None:
    chat, own_id = sent()
    first = chat.tables.sends[own_id]["sid"]
    chat.report(own_id, "delivered", sid="MM99")
    assert chat.tables.sends[own_id]["sid"] == first


def test_a_late_proof_of_what_was_taken_for_absent_is_not_sent_again() -> None:
    chat, own_id = sending()
    chat.give(i.SendUnknown(own_id=own_id, why="HTTP 500"))
    chat.give(i.LookupDone(own_id=own_id, absent=True))
    assert types(chat.report(own_id, "sent", sid="MM1")) == ["sent", "delivered"]
    assert (chat.lane(), chat.said()[1:]) == ([], ["uno"])


def test_a_report_of_what_was_never_tried_is_no_proof() -> None:
    chat = talking()
    chat.write("¿precio?")
    chat.answer(slot=False)
    [slot] = chat.lane()
    assert types(
        chat.report(slot.part.own_id, "sent", sid="MM1")  # type: ignore[union-attr]
    ) == ["delivered"]
    assert chat.lane() == [slot]
