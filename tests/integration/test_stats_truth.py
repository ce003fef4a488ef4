"""Events and Postgres tell the same: records made of either are equal, and a third count gives their sums."""

from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from db.pool import Pool
from db.queries import load
from db.readers.statistics import IDS_OF, RECORDS
from db.store.publication import unpublished
from rules import inputs as i
from rules.codec import published
from schemas.documents import now
from schemas.settings import load_settings
from streams.stats.days import DAYS_KEPT
from streams.stats.event import Event, parse_event
from streams.stats.postgres import derived
from streams.stats.record import Record, apply, has_begun
from streams.stats.totals import Totals, campaign_days, figures
from tests.support.stored_chat import StoredChat, stored_chat
from web.database import Database
from web.stats import CampaignDays

BOGOTA = ZoneInfo("America/Bogota")
# All that a story logs.
_MOST = 1000


async def published_events(pool: Pool) -> list[Event]:
    """All that stands in the log, as the statistics read it from the topic."""
    rows = await unpublished(pool, 0, after=0, most=_MOST)
    return [parse_event(published(each.row, each.phone_number, each.conversation_id)[0]) for each in rows]


def folded(events: list[Event], zone: Any) -> Record:  # noqa: ANN401
    record: Record | None = None
    for event in events:
        record = apply(record, event, zone)
    assert record is not None
    return record


async def by_events(pool: Pool, zone: Any) -> Record:  # noqa: ANN401
    return folded(await published_events(pool), zone)


async def by_rows(chat: StoredChat, pool: Pool, zone: Any) -> Record:  # noqa: ANN401
    (found,) = await IDS_OF.all(pool, [chat.state.key])
    (row,) = await RECORDS.all(pool, [found.id])
    return derived(row, zone, DAYS_KEPT)


def answered(chat: StoredChat, *bodies: str, **of: Any) -> None:  # noqa: ANN401
    for body in bodies:
        chat.write(body, **of)
    chat.answer("una\n\ndos")
    chat.accept()


def called(chat: StoredChat, conversation: str, **over: Any) -> None:  # noqa: ANN401
    """A call whose first message went out."""
    chat.call(conversation, **over)
    chat.greet()


def delivered_first_of_a_call(
    chat: StoredChat,
    conversation: str,
    status: str,
    **over: Any,  # noqa: ANN401
) -> None:
    """Its report comes before the vendor's answer to the send."""
    chat.call(conversation, **over)
    chat.give(i.DetailsFetched(call_id=conversation, details=None, slot=True))
    (send,) = chat.sends()
    chat.report(send.part.own_id, status, sid="MM1")


async def a_long_story(chat: StoredChat) -> None:
    chat.now = now()
    of_ana = {"group_id": 5, "client_name": "Ana"}
    delivered_first_of_a_call(chat, "c1", "read", batch_id="b1", call_metadata=of_ana)
    answered(chat, "hola", "¿qué tal?", received_at=now() - timedelta(seconds=3))
    answered(chat, "de ayer", received_at=now() - timedelta(days=1))
    chat.write("persona, por favor")
    chat.answer("te atiende una persona")
    chat.accept()
    called(chat, "c2", batch_id="b2")
    chat.write("sin respuesta")
    chat.answer("no llega")
    (send,) = chat.sends()
    chat.give(i.SendRefused(own_id=send.part.own_id, why="outside the window", code="63016"))
    chat.write("STOP")
    await chat.save()


@pytest.mark.parametrize("zone", [UTC, BOGOTA])
async def test_records_by_events_and_by_rows_are_equal(pool: Pool, zone: Any) -> None:  # noqa: ANN401
    chat = await stored_chat(pool)
    await a_long_story(chat)
    events, rows = await by_events(pool, zone), await by_rows(chat, pool, zone)
    assert events == rows
    assert (events["failed"] > 0, events["received"], events["gap"]) == (True, 6, False)


async def test_sums_of_records_are_what_a_count_gives(pool: Pool) -> None:
    chat = await stored_chat(pool)
    await a_long_story(chat)
    others = [chat.another(f"+57313853915{number}") for number in range(3)]
    for number, other in enumerate(others):
        called(other, f"other-{number}", batch_id="b1")
        await other.save()
    totals = Totals()
    records: dict[str, Record] = {}
    for event in await published_events(pool):
        before = records.get(event.phone_number)
        records[event.phone_number] = apply(before, event, UTC)
        totals.replace(before, records[event.phone_number])
    today = now().astimezone(UTC).date()
    found = figures([totals.of(today.isoformat())])
    counted = await pool.fetchrow(load("gateway").stats, "UTC", None)
    assert counted is not None
    for name in (
        "active_conversations",
        "total_conversations_today",
        "messages_sent_today",
        "messages_received_today",
    ):
        assert found[name] == counted[name], name
    assert found["response_rate"] == 100 * counted["answered_today"] / 4
    assert found["avg_response_time_seconds"] == pytest.approx(
        float(counted["avg_response_time_seconds"]), abs=0.001
    )
    yesterday = await pool.fetchrow(load("gateway").stats, "UTC", today - timedelta(days=1))
    assert yesterday is not None
    assert yesterday["messages_received_today"] == 1
    first = campaign_days([totals.campaign({"batch_id": "b1"})])[today.isoformat()]
    assert {name: first[name] for name in ("started", "read", "answered")} == {
        "started": 4,
        "read": 1,
        "answered": 1,
    }
    second = campaign_days([totals.campaign({"batch_id": "b2"})])[today.isoformat()]
    assert (second["stopped"], second["failed"], second["reasons"]) == (1, 1, {"63016": 1})


@pytest.mark.parametrize("zone", ["UTC", "America/Bogota"])
@pytest.mark.parametrize(
    "campaign",
    [
        {"batch_id": "b1"},
        {"batch_id": "b2"},
        {"group_id": "5"},
        {"batch_id": "b1", "group_id": "5"},
        {"batch_id": "?"},
    ],
)
async def test_a_campaign_is_the_same_by_events_and_by_a_count(
    pool: Pool, zone: str, campaign: dict[str, str]
) -> None:
    chat = await stored_chat(pool)
    await a_long_story(chat)
    other, gone = chat.another("+573138539151"), chat.another("+573138539152")
    called(other, "other", batch_id="b1")
    called(other, "later", batch_id="b1")
    other.write("solo la segunda")
    called(gone, "gone", batch_id="b1")
    for each in (other, gone):
        await each.save()
    await pool.execute(
        "UPDATE conversation_state SET status = 'closed', last_message_at = now() - interval '40 days'"
        " WHERE phone_number = $1",
        gone.state.key,
    )
    totals, records = Totals(), dict[str, Record]()
    for event in await published_events(pool):
        if event.phone_number != gone.state.key:  # it would have left the tables
            before = records.get(event.phone_number)
            records[event.phone_number] = apply(before, event, ZoneInfo(zone))
            totals.replace(before, records[event.phone_number])
    settings = load_settings({}, database_url="postgresql://unused", stats_timezone=zone)
    counted = await CampaignDays(settings, Database(pool)).days(campaign)
    assert counted == campaign_days([totals.campaign(campaign)])
    assert bool(counted) is ("?" not in campaign.values())


async def test_health_sees_what_fails(pool: Pool) -> None:
    chat = await stored_chat(pool)
    await a_long_story(chat)
    (row,) = await pool.fetch(load("gateway").work)
    assert (row["spooled"], row["refused"]) == (0, {"63016": 1})
    assert float(row["last_ended"]) < 60
    assert 0 <= float(row["oldest_waiting"]) < 60  # the STOP is not confirmed yet


async def test_messages_that_waited_for_their_call_count_with_it(pool: Pool) -> None:
    chat = await stored_chat(pool)
    other = chat.another("+573138539151")
    for each in (chat, other):
        each.now = now()
        each.write("hola")
        each.write("¿me llamaron?")
    other.now += timedelta(hours=1)
    other.give(i.TimerFired())
    called(chat, "c1", batch_id="b1")
    for each in (chat, other):
        await each.save()
    events, totals = await published_events(pool), Totals()
    ours, theirs = (
        folded([event for event in events if event.phone_number == each.state.key], UTC)
        for each in (chat, other)
    )
    for record in (ours, theirs):
        totals.replace(None, record)
    assert not has_begun(theirs)
    assert "parked" not in theirs
    assert ours == await by_rows(chat, pool, UTC)
    today = now().astimezone(UTC).date().isoformat()
    sums, counted = figures([totals.of(today)]), await pool.fetchrow(load("gateway").stats, "UTC", None)
    assert counted is not None
    for name in (
        "active_conversations",
        "total_conversations_today",
        "messages_sent_today",
        "messages_received_today",
    ):
        assert sums[name] == counted[name], name
    assert (sums["messages_received_today"], sums["response_rate"], counted["answered_today"]) == (2, 100, 1)
    settings = load_settings({}, database_url="postgresql://unused", stats_timezone="UTC")
    days = await CampaignDays(settings, Database(pool)).days({"batch_id": "b1"})
    assert days == campaign_days([totals.campaign({"batch_id": "b1"})])
    assert days[today]["answered"] == 1


async def test_what_is_gone_from_the_tables_counts_where_the_log_says_that_its_time_was_over(
    pool: Pool,
) -> None:
    chat = await stored_chat(pool)
    await a_long_story(chat)
    gone = await pool.fetchval("SELECT min(id) FROM conversation_messages WHERE direction = 'inbound'")
    assert chat.state.id is not None
    chat.give(i.MessagesExpired(conversation_id=chat.state.id, message_ids=(gone,)))
    await chat.save()
    assert await pool.fetchval("SELECT count(*) FROM conversation_messages WHERE id = $1", gone) == 0
    assert await by_events(pool, UTC) == await by_rows(chat, pool, UTC)
    await pool.execute("DELETE FROM conversation_messages WHERE direction = 'inbound'")  # nobody's rule
    assert (await by_rows(chat, pool, UTC))["received"] == 1


async def test_a_log_without_its_beginning_says_what_is_shown(pool: Pool) -> None:
    chat = await stored_chat(pool)
    chat.now = now() - timedelta(days=30)
    called(chat, "c1", batch_id="b1")
    answered(chat, "hola", received_at=chat.now)
    chat.now = now()
    chat.give(i.LogPurged())
    answered(chat, "¿siguen ahí?", received_at=chat.now)
    await chat.save()
    whole = await by_events(pool, UTC)
    await pool.execute(
        "DELETE FROM conversation_log WHERE number < (SELECT min(number) FROM conversation_log"
        " WHERE type = 'snapshot')"
    )
    assert await by_rows(chat, pool, UTC) == whole
    assert (whole["received"], whole["sent"], whole["batch_id"]) == (2, 5, "b1")
