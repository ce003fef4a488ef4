"""What is kept, for how long, and what of it a person can have. On a real Postgres."""

import json

import pytest

from cli.export import run_export
from db.pool import Pool
from db.queries import load
from schemas.retention import journal_remembers
from schemas.settings import load_settings
from tests.support.journal import PHONE, Chat, ago, chat_on

DAY = 86_400.0


@pytest.fixture
async def chat(pool: Pool) -> Chat:
    chat = await chat_on(pool)
    await chat.called()
    turn = (await chat.write("hola", at=ago(days=3))).turn
    assert turn is not None
    await chat.send(turn, "buenas")
    return chat


async def purge(chat: Chat, what: str, **seconds: float | None) -> int:
    given = {"message_seconds": None, "journal_seconds": None, "most": 100} | seconds
    gone: int = await chat.pool.fetchval(getattr(load("rules"), what), given)
    return gone


async def test_messages_go_after_their_time_and_the_count_follows(chat: Chat) -> None:
    assert await purge(chat, "purge_messages") == 0
    assert await purge(chat, "purge_messages", message_seconds=2 * DAY) == 1
    assert await purge(chat, "purge_messages", message_seconds=2 * DAY) == 0
    rows = await chat.pool.fetch("SELECT content FROM conversation_messages ORDER BY id")
    assert [row["content"] for row in rows] == ["primer mensaje", "buenas"]
    assert await chat.pool.fetchval("SELECT message_count FROM conversation_state") == 2


async def test_the_journal_forgets_what_ended_long_ago_and_nothing_else(chat: Chat) -> None:
    open_turn = (await chat.write("otra cosa")).turn
    assert open_turn is not None
    await chat.pool.execute("UPDATE conversation_turn SET ended_at = ended_at - interval '3 days'")
    assert await purge(chat, "purge_journal") == 0
    assert await purge(chat, "purge_journal", journal_seconds=4 * DAY) == 0
    assert await purge(chat, "purge_journal", journal_seconds=2 * DAY) == 2
    assert await chat.pool.fetchval("SELECT count(*) FROM conversation_turn") == 1
    assert await chat.pool.fetchval("SELECT count(*) FROM conversation_send") == 0
    await chat.send(open_turn, "claro")
    assert await chat.pool.fetchval("SELECT count(*) FROM conversation_messages") == 5


@pytest.mark.parametrize(("days", "topic_hours", "seconds"), [(0, 24, None), (1, 24, 2 * DAY), (30, 24, 30 * DAY)])
def test_ids_are_remembered_as_long_as_topics_keep_events(days: float, topic_hours: int, seconds: float | None) -> None:
    settings = load_settings({}, journal_retention_days=days, topic_retention_hours=topic_hours)
    kept = journal_remembers(settings)
    assert (kept.total_seconds() if kept else None) == seconds


async def test_what_waits_is_shown_as_waiting(chat: Chat) -> None:
    turn = (await chat.write("hola")).turn
    assert turn is not None
    busy = await chat.pool.fetchrow(load("stats").queue, ago(days=1).replace(tzinfo=None))
    assert (busy["stored"], busy["taken"], busy["active"]) == (0, 1, 1)
    await chat.journal.hold(turn, 0.0)
    await chat.write("¿hola?")
    held = await chat.pool.fetchrow(load("stats").queue, ago(days=1).replace(tzinfo=None))
    assert (held["stored"], held["taken"], held["active"]) == (2, 0, 0)
    stats = await chat.pool.fetchrow(load("gateway").stats, "UTC", None)
    assert (stats["waiting"], stats["active"]) == (2, 0)


async def test_a_person_can_have_all_that_is_kept(
    chat: Chat, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    settings = load_settings({}, database_url=database_url)
    assert await asyncio.to_thread(run_export, settings, "whatsapp:57 313 853 9155") == 0
    kept = json.loads(capsys.readouterr().out)
    assert kept["phone_number"] == PHONE
    assert [message["content"] for message in kept["messages"]] == ["hola", "primer mensaje", "buenas"]
    assert [entry["kind"] for entry in kept["inputs"]] == ["call", "message"]
    assert [turn["sends"][0]["body"] for turn in kept["turns"]] == ["primer mensaje", "buenas"]
    assert await asyncio.to_thread(run_export, settings, "+573138530000") == 1
