"""Events made of Twilio's list, and points in time as people write them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from clients.messenger import ListedMessage, MessageFile
from db.readers.backfill import UnknownSend
from schemas.errors import InvalidInput, TerminalError
from schemas.query import point_in_time
from schemas.settings import load_settings
from web.backfill import Backfill, Findings
from web.backfill_events import inbound, is_news, matched, report

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def listed(sid: str = "SM1", seconds: float = 0, **over: Any) -> ListedMessage:  # noqa: ANN401
    item = {
        "sid": sid,
        "to": "whatsapp:+573138539155",
        "from_": "whatsapp:+14155238886",
        "body": "hola",
        "status": "sent",
        "is_inbound": False,
        "created": AT + timedelta(seconds=seconds),
        "error_code": None,
        "files": 0,
    }
    return ListedMessage(**(item | over))


def send(own_id: str, seconds: float = 0, body: str = "hola", **over: Any) -> UnknownSend:  # noqa: ANN401
    intended = AT + timedelta(seconds=seconds)
    row = {"own_id": own_id, "to_address": "whatsapp:+573138539155", "body": body, "is_template": False}
    return UnknownSend(**(row | {"intended_at": intended} | over))


@pytest.mark.parametrize(
    ("heard", "known", "expected"),
    [
        ("sent", "queued", True),
        ("delivered", "sent", True),
        ("read", "delivered", True),
        ("undelivered", "sent", True),
        ("sent", "delivered", False),
        ("read", "read", False),
        ("queued", "", False),
        ("sending", "queued", False),
        ("delivered", "failed", False),
        ("canceled", "undelivered", False),
    ],
)
def test_a_listed_status_is_news_when_it_goes_further(heard: str, known: str, expected: bool) -> None:
    assert is_news(heard, known) is expected


@pytest.mark.parametrize(
    ("sends", "messages", "pairs"),
    [
        ([send("a")], [listed("SM1", 1)], [("a", "SM1")]),
        ([send("a"), send("b", 30)], [listed("SM2", 31), listed("SM1", 1)], [("a", "SM1"), ("b", "SM2")]),
        ([send("a"), send("b", 1)], [listed("SM1", 1)], [("a", "SM1")]),
        ([send("a", body="otra cosa")], [listed()], []),
        ([send("a", body="¡Sí,  claro!\n")], [listed(body="¡Si\u0301, claro!")], [("a", "SM1")]),
        # What Postgres, or Twilio, cannot carry is left out or replaced on the way.
        ([send("a", body="pl\x00an \ud83d")], [listed(body="plan \ufffd")], [("a", "SM1")]),
        ([send("a", body="\ud83d\ude00 hola")], [listed(body="\U0001f600 hola")], [("a", "SM1")]),
        ([send("a", is_template=True, body="")], [listed(body="Hola Ana")], [("a", "SM1")]),
        ([send("a")], [listed(seconds=-60)], []),
        ([send("a")], [listed(seconds=600)], []),
        ([send("a")], [listed(to="whatsapp:+573000000000")], []),
        (
            [send("a", to_address="whatsapp:+525512345678")],
            [listed(to="whatsapp:+5215512345678")],
            [("a", "SM1")],
        ),
    ],
)
def test_a_send_of_unknown_outcome_is_found_by_receiver_text_and_time(
    sends: list[UnknownSend], messages: list[ListedMessage], pairs: list[tuple[str, str]]
) -> None:
    assert [(own_id, message.sid) for own_id, message in matched(sends, messages)] == pairs


def test_a_missed_message_keeps_its_id_its_time_and_its_files() -> None:
    message = listed(
        is_inbound=True, from_="whatsapp:+573138539155", to="whatsapp:+14155238886", body="a\x00b"
    )
    event = inbound(message, "AC1", [MessageFile(url="https://x/ME1", content_type="image/jpeg")], "r1")
    assert (event.event_id, event.received_at, event.backfilled, event.key) == (
        "SM1",
        AT,
        True,
        "+573138539155",
    )
    assert (event.params["Body"], event.params["NumMedia"], event.params["MediaContentType0"]) == (
        "ab",
        "1",
        "image/jpeg",
    )


def test_a_missed_report_carries_our_own_id() -> None:
    own = "6f0b2c1e-0000-4000-8000-000000000001"
    event = report(listed(status="failed", error_code="63016"), "AC1", own, "r1", AT)
    assert (event.event_id, event.own_id, event.params["ErrorCode"]) == ("SM1:failed", own, "63016")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", AT - timedelta(hours=1)),
        ("90s", AT - timedelta(seconds=90)),
        ("2026-03-01T11:00:00Z", AT - timedelta(hours=1)),
        ("2026-03-01T06:00:00-05:00", AT - timedelta(hours=1)),
        ("2026-03-01", AT - timedelta(hours=12)),
    ],
)
def test_a_time_is_iso_or_an_age(text: str, expected: datetime) -> None:
    assert point_in_time("--since", text, AT) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "1y", "-1h", "999999d", "2026-13-01", "0001-01-01T00:00:00+14:00"]
)
def test_another_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^--since: "):
        point_in_time("--since", text, AT)


class Publisher:
    """Remembers the ids of what was published."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def publish(self, topic: str, key: str, value: bytes, request_id: str) -> None:
        self.ids.append(json.loads(value)["event_id"])


@pytest.mark.parametrize(
    "odd", [{"sid": "S" * 256}, {"sid": ""}, {"created": datetime(9999, 1, 1, tzinfo=UTC)}, {"sid": "S\x00"}]
)
async def test_what_twilio_lists_in_no_form_of_ours_keeps_none_of_the_others_away(
    odd: dict[str, Any],
) -> None:
    publisher, unused = Publisher(), cast(Any, None)
    messages = [listed("SM1"), listed(**odd), listed("SM2")]
    statuses = [listed("SM3", status="delivered"), listed(**({"status": "sent"} | odd)), listed("SM4")]
    looked = Findings(since=AT, until=AT, messages=messages, statuses=statuses)
    await Backfill(load_settings({}), unused, publisher, unused).publish(looked)
    assert {"SM1", "SM2", "SM3:delivered", "SM4:sent"} <= set(publisher.ids)


async def test_files_that_twilio_refuses_for_good_hold_nobody_up() -> None:
    class Messenger:
        async def files(self, sid: str) -> list[MessageFile]:
            raise TerminalError("twilio", "HTTP 404", 20404)

    publisher, unused = Publisher(), cast(Any, None)
    looked = Findings(since=AT, until=AT, messages=[listed("SM1", files=1), listed("SM2")])
    await Backfill(load_settings({}), unused, publisher, cast(Any, Messenger())).publish(looked)
    assert publisher.ids == ["SM1", "SM2"]
