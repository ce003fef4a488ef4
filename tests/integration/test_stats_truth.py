"""What the events tell and what Postgres holds are the same: records by either way, and their sums by a third."""

from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic_core import to_json

from db.pool import Pool
from db.queries import load
from schemas.documents import now
from schemas.settings import load_settings
from streams.stats.days import DAYS_KEPT
from streams.stats.derived import derived
from streams.stats.record import Record, apply
from streams.stats.told import told
from streams.stats.totals import Totals, campaign_days, figures
from tests.support.journal import Chat, ago, chat_on
from web.campaign_days import CampaignDays
from web.database import Database

_sql = load("stats")
BOGOTA = ZoneInfo("America/Bogota")


async def by_events(chat: Chat, zone: Any) -> Record:  # noqa: ANN401
    record: Record | None = None
    for payload in await chat.events():
        record = apply(record, told(to_json(payload)), zone)
    assert record is not None
    return record


async def by_rows(chat: Chat, zone: Any) -> Record:  # noqa: ANN401
    ids = [row["id"] for row in await chat.pool.fetch(_sql.ids_of, [chat.number])]
    (row,) = await chat.pool.fetch(_sql.records, ids)
    return derived(row, zone, DAYS_KEPT)


async def answered(chat: Chat, *bodies: str, **of: Any) -> None:  # noqa: ANN401
    begun = await chat.write(*bodies, **of)
    assert begun.turn is not None
    await chat.send(begun.turn, "una", "dos")


async def delivered_first_of_a_call(chat: Chat, conversation: str, status: str, **over: object) -> None:
    """Its report comes before Twilio's answer to the send has been recorded."""
    begun = await chat.begin_call(conversation, **over)
    assert begun.turn is not None
    turn = await chat.answer(begun.turn, "primero")
    (send,) = turn.sends
    await chat.report(send, status, 5, delivered=True, read=status == "read")
    await chat.journal.accept(turn, send, "SM1", None)


async def a_long_story(chat: Chat) -> None:
    await delivered_first_of_a_call(chat, "c1", "read", batch_id="b1", call_metadata={"group_id": 5, "client_name": "Ana"})
    await answered(chat, "hola", "¿qué tal?", at=ago(seconds=3))
    await answered(chat, "de ayer", at=ago(days=1))
    begun = await chat.write("persona, por favor")
    if begun.turn is not None:
        await chat.send(begun.turn, "te atiende una persona")
    await chat.called("c2", batch_id="b2")
    begun = await chat.write("sin respuesta")
    assert begun.turn is not None
    await chat.journal.fail(begun.turn, code="63016", reason="outside the window", error={"status": 422}, suppress=False)
    await chat.write("STOP")


@pytest.mark.parametrize("zone", [UTC, BOGOTA])
async def test_records_by_events_and_by_rows_are_equal(pool: Pool, zone: Any) -> None:  # noqa: ANN401
    chat = await chat_on(pool)
    await a_long_story(chat)
    events, rows = await by_events(chat, zone), await by_rows(chat, zone)
    assert events == rows
    assert (events["failed"] > 0, events["received"], events["gap"]) == (True, 6, False)


async def test_sums_of_records_are_what_a_count_gives(pool: Pool) -> None:
    chat = await chat_on(pool)
    await a_long_story(chat)
    others = [Chat(pool, chat.journal, number=f"+57313853915{number}") for number in range(3)]
    for number, other in enumerate(others):
        await other.called(f"other-{number}", batch_id="b1")
    totals = Totals()
    records: dict[str, Record] = {}
    for payload in await chat.events():
        event = told(to_json(payload))
        before = records.get(event.phone_number)
        records[event.phone_number] = apply(before, event, UTC)
        totals.replace(before, records[event.phone_number])
    today = now().astimezone(UTC).date()
    found = figures([totals.of(today.isoformat())])
    counted = await pool.fetchrow(load("gateway").stats, "UTC", None)
    assert counted is not None
    for name in ("active_conversations", "total_conversations_today", "messages_sent_today", "messages_received_today"):
        assert found[name] == counted[name], name
    assert found["response_rate"] == 100 * counted["answered_today"] / 4
    assert found["avg_response_time_seconds"] == pytest.approx(float(counted["avg_response_time_seconds"]), abs=0.001)
    yesterday = await pool.fetchrow(load("gateway").stats, "UTC", today - timedelta(days=1))
    assert yesterday is not None
    assert yesterday["messages_received_today"] == 1
    first = campaign_days([totals.campaign({"batch_id": "b1"})])[today.isoformat()]
    assert {name: first[name] for name in ("started", "read", "answered")} == {"started": 4, "read": 1, "answered": 1}
    second = campaign_days([totals.campaign({"batch_id": "b2"})])[today.isoformat()]
    assert (second["stopped"], second["failed"], second["reasons"]) == (1, 1, {"63016": 1})


@pytest.mark.parametrize("zone", ["UTC", "America/Bogota"])
@pytest.mark.parametrize(
    "campaign",
    [{"batch_id": "b1"}, {"batch_id": "b2"}, {"group_id": "5"}, {"batch_id": "b1", "group_id": "5"}, {"batch_id": "?"}],
)
async def test_a_campaign_is_the_same_by_events_and_by_a_count(pool: Pool, zone: str, campaign: dict[str, str]) -> None:
    chat = await chat_on(pool)
    await a_long_story(chat)
    other = Chat(pool, chat.journal, number="+573138539151")
    await other.called("other", batch_id="b1")
    await other.called("later", batch_id="b1")
    await other.write("solo la segunda")
    gone = Chat(pool, chat.journal, number="+573138539152")
    await gone.called("gone", batch_id="b1")
    await pool.execute(
        "UPDATE conversation_state SET status = 'closed', last_message_at = now() - interval '40 days'"
        " WHERE phone_number = $1", gone.number,
    )  # fmt: skip
    totals, records = Totals(), dict[str, Record]()
    for payload in await chat.events():
        event = told(to_json(payload))
        if event.phone_number != gone.number:  # it would have left the tables
            before = records.get(event.phone_number)
            records[event.phone_number] = apply(before, event, ZoneInfo(zone))
            totals.replace(before, records[event.phone_number])
    settings = load_settings({}, database_url="postgresql://unused", stats_timezone=zone)
    counted = await CampaignDays(settings, Database(pool)).days(campaign)
    assert counted == campaign_days([totals.campaign(campaign)])
    assert bool(counted) is ("?" not in campaign.values())


async def test_health_sees_what_fails(pool: Pool) -> None:
    chat = await chat_on(pool)
    await a_long_story(chat)
    (row,) = await pool.fetch(load("gateway").work)
    assert (row["spooled"], row["refused"]) == (0, {"63016": 1})
    assert float(row["last_ended"]) < 60
    assert 0 <= float(row["oldest_waiting"]) < 60  # the STOP is not confirmed yet
