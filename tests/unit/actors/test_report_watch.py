"""What delivery reports say about our sender, before it is anybody's turn."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from clients.sender_standing import SenderStanding
from schemas.events import MessageStatus
from streams.actors.reports import ReportWatch

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
KEY = "+573138539155"
OWN_ID = "6f0b1c1e-0000-4000-8000-000000000001"


class Send:
    """As its row says: a first message unless told otherwise."""

    def __init__(self, *, turn_kind: str = "call", content: object = None) -> None:
        self.own_id, self.said_kind, self.content = OWN_ID, turn_kind, content


def report(status: str, code: str | None = None, *, number: int = 1, age: float = 0.0) -> MessageStatus:
    params = {
        "MessageSid": f"SM{number:032x}",
        "MessageStatus": status,
        "To": f"whatsapp:+57313853{number:04d}",
    }
    return MessageStatus(
        event_id=f"{number}:{status}",
        received_at=AT - timedelta(seconds=age),
        params=params | ({"ErrorCode": code} if code else {}),
        own_id=OWN_ID[:-1] + str(number),
    )


@pytest.fixture
def standing() -> SenderStanding:
    return SenderStanding("twilio", lambda: AT)


@pytest.fixture
def watch(standing: SenderStanding) -> ReportWatch:
    return ReportWatch(standing, lambda: AT)


@pytest.mark.parametrize("code", ["63112", "63051", "30002", "63101", "20003"])
def test_one_report_of_the_account_pauses_all(
    watch: ReportWatch, standing: SenderStanding, code: str
) -> None:
    watch.read(report("failed", code), cast(Any, Send(turn_kind="reply")), KEY)
    assert [each["code"] for each in standing.shown()] == [code]


@pytest.mark.parametrize("code", ["63003", "63016", "30008", "63018", None])
def test_one_report_of_anything_else_pauses_nothing(
    watch: ReportWatch, standing: SenderStanding, code: str | None
) -> None:
    watch.read(report("undelivered", code), cast(Any, Send()), KEY)
    assert standing.shown() == []


def test_the_limit_of_several_first_messages_pauses_these(
    watch: ReportWatch, standing: SenderStanding
) -> None:
    for number in (1, 2, 3):
        watch.read(report("failed", "63018", number=number), cast(Any, Send()), f"+{number}")
    assert [(each["scope"], each["code"]) for each in standing.shown()] == [("first_messages", "63018")]


def test_one_person_who_was_written_to_at_several_addresses_counts_once(standing: SenderStanding) -> None:
    watch = ReportWatch(
        standing, lambda: AT, lambda key: frozenset({key, KEY}) if key == "CO.1" else frozenset({key})
    )
    for number, key in enumerate((KEY, KEY, "CO.1", "+2")):
        watch.read(report("failed", "63018", number=number), cast(Any, Send()), key)
    assert standing.shown() == []


def test_too_many_answers_to_several_are_no_limit_of_the_sender(
    watch: ReportWatch, standing: SenderStanding
) -> None:
    for number in (1, 2, 3):
        watch.read(report("failed", "63018", number=number), cast(Any, Send(turn_kind="reply")), f"+{number}")
    assert standing.shown() == []


def test_a_template_is_a_first_message_whoever_sends_it(watch: ReportWatch, standing: SenderStanding) -> None:
    template = Send(turn_kind="again", content={"content_sid": "HX"})
    for number in (1, 2, 3):
        watch.read(report("failed", "63018", number=number), cast(Any, template), f"+{number}")
    assert [each["scope"] for each in standing.shown()] == ["first_messages"]


def test_a_report_that_comes_late_tells_how_it_was(watch: ReportWatch, standing: SenderStanding) -> None:
    watch.read(report("failed", "63112", age=130), cast(Any, Send()), KEY)
    assert standing.shown() == []


@pytest.mark.parametrize(
    ("status", "code"), [("sent", None), ("delivered", None), ("read", None), ("failed", "63003")]
)
async def test_one_that_tried_and_was_sent_on_ends_the_pause(status: str, code: str | None) -> None:
    clock = [AT]
    standing = SenderStanding("twilio", lambda: clock[0])
    watch = ReportWatch(standing, lambda: clock[0])
    watch.read(report("failed", "63112", number=2), None, KEY)
    clock[0] = AT + timedelta(seconds=6)
    await standing.account.wait(OWN_ID)
    watch.read(report("queued", number=1), None, KEY)
    assert standing.shown()
    watch.read(report(status, code, number=1), None, KEY)
    assert standing.shown() == []
