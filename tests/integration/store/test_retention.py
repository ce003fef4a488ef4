"""What is kept only for a time goes after it, and nothing else does; the log can still be folded."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from db.pool import Pool
from db.store.publication import advance
from rules.codec import event_of
from rules.events import Recorded
from rules.evolve import evolve
from rules.inputs import Input
from rules.state import Conversation
from schemas.settings import load_settings
from streams.actors.retention import Retention
from tests.support.chat import NUMBER
from tests.support.stored_chat import StoredChat, outside, stored_chat


@dataclass
class Owner:
    """Of partition 0: what it is told goes to the chat, and is written. `told`: to whom what came."""

    chat: StoredChat
    told: list[tuple[str, Input]] = field(default_factory=list)

    async def tell(self, key: str, given: Input) -> None:
        self.told.append((key, given))
        if key == self.chat.state.key:
            self.chat.give(given)
            await self.chat.save()

    def retention(self, pool: Pool, **settings: object) -> Retention:
        given = {
            "message_retention_days": 0,
            "journal_retention_days": 0,
            "topic_retention_hours": 1,
        } | settings
        settings_ = load_settings({}, **given)
        return Retention(settings_, pool, self.tell, lambda: [0], lambda: 1, pause_seconds=0)


Sweep = Callable[..., Awaitable[None]]


@pytest.fixture
async def chat(pool: Pool) -> StoredChat:
    """Three days ago a call and an exchange; now a question that waits."""
    chat = await stored_chat(pool)
    chat.now = await pool.fetchval("SELECT clock_timestamp()") - timedelta(days=3)
    chat.call()
    chat.greet()
    chat.exchange("hola", "buenas")
    chat.now += timedelta(days=3)
    chat.write("¿y el precio?", "SMnew")
    await chat.save()
    return chat


async def contents(pool: Pool) -> list[str]:
    rows = await pool.fetch("SELECT content FROM conversation_messages ORDER BY id")
    return [row["content"] for row in rows]


async def published(pool: Pool, chat: StoredChat) -> None:
    """Kafka has everything."""
    newest = await pool.fetchval("SELECT max(sequence) FROM conversation_log")
    await advance(pool, {0: chat.epoch}, {0: newest})


async def types(pool: Pool) -> list[str]:
    return [row["type"] for row in await pool.fetch("SELECT type FROM conversation_log ORDER BY number")]


async def test_messages_go_after_their_time_and_the_count_follows(pool: Pool, chat: StoredChat) -> None:
    owner = Owner(chat)
    await owner.retention(pool).sweep()
    assert len(await contents(pool)) == 4, "0 days are for ever"
    retention = owner.retention(pool, message_retention_days=2)
    for _ in range(2):
        await retention.sweep()
        assert await contents(pool) == ["¿y el precio?"]
        assert (
            await pool.fetchval("SELECT message_count FROM conversation_state")
            == chat.state.message_count
            == 1
        )
    assert len(owner.told) == 1


async def test_who_has_not_come_round_to_it_is_not_told_twice(pool: Pool, chat: StoredChat) -> None:
    told = list[str]()

    async def tell(key: str, given: Input) -> None:
        told.append(key)

    settings = load_settings({}, message_retention_days=2)
    assignments = [1]
    retention = Retention(settings, pool, tell, lambda: [0], lambda: assignments[-1], pause_seconds=0)
    await retention.sweep()
    await retention.sweep()
    assert told == [NUMBER]
    assignments.append(2)  # whoever was told then may have forgotten
    await retention.sweep()
    assert told == [NUMBER] * 2


async def test_the_log_goes_behind_a_snapshot_and_with_it_its_sends_and_ids(
    pool: Pool, chat: StoredChat
) -> None:
    await published(pool, chat)
    before, owner = await types(pool), Owner(chat)
    await owner.retention(pool).sweep()
    await owner.retention(pool, journal_retention_days=4).sweep()
    assert await types(pool) == before
    retention = owner.retention(pool, journal_retention_days=2)
    await retention.sweep()
    assert await types(pool) == [*before, "snapshot"], "nothing goes before what replaces it is there"
    await retention.sweep()
    assert await types(pool) == ["received", "snapshot"], "what is not old stays"
    assert await pool.fetchval("SELECT count(*) FROM conversation_sends") == 0
    seen = await pool.fetch("SELECT event_id FROM conversation_seen")
    assert [row["event_id"] for row in seen] == ["SMnew"]
    assert len(await contents(pool)) == 4, "messages have a time of their own"


async def test_no_gap_is_left_where_an_owners_clock_was_ahead(pool: Pool, chat: StoredChat) -> None:
    """What was written behind its event is older by its time, and goes with it alone."""
    await published(pool, chat)
    ahead, retention = 3, Owner(chat).retention(pool, journal_retention_days=2)
    former = await pool.fetchval("SELECT at FROM conversation_log WHERE number = $1", ahead)
    dated = "UPDATE conversation_log SET at = $2 WHERE number = $1"
    await pool.execute(dated, ahead, former + timedelta(days=3))
    for _ in range(3):
        await retention.sweep()
    numbers = [
        row["number"] for row in await pool.fetch("SELECT number FROM conversation_log ORDER BY number")
    ]
    assert numbers == list(range(ahead, numbers[-1] + 1))
    await pool.execute(dated, ahead, former)  # its time has come
    await retention.sweep()
    assert await types(pool) == ["received", "snapshot"]


async def test_an_event_dated_years_ahead_by_a_wrong_clock_holds_nobody_up(
    pool: Pool, chat: StoredChat
) -> None:
    await published(pool, chat)
    retention = Owner(chat).retention(pool, journal_retention_days=2)
    await pool.execute("UPDATE conversation_log SET at = at + interval '3 years' WHERE number = 3")
    for _ in range(2):
        await retention.sweep()
    assert await types(pool) == ["received", "snapshot"]


async def test_what_was_written_under_a_partition_that_is_no_more_goes_too(
    pool: Pool, chat: StoredChat
) -> None:
    await published(pool, chat)
    await pool.execute("UPDATE conversation_log SET partition = 7 WHERE number <= 3")
    await pool.execute("INSERT INTO conversation_publication (partition, sequence) SELECT 7, 3")
    retention = Owner(chat).retention(pool, journal_retention_days=2)
    for _ in range(2):
        await retention.sweep()
    assert await types(pool) == ["received", "snapshot"]


async def test_the_fold_of_what_is_left_is_the_state(pool: Pool, chat: StoredChat) -> None:
    await published(pool, chat)
    retention = Owner(chat).retention(pool, journal_retention_days=2)
    await retention.sweep()
    await retention.sweep()
    chat.answer("Cuesta 20")
    chat.accept()
    await chat.save()
    rows = await pool.fetch(
        "SELECT conversation_id, number, type, at, data->'data' AS data FROM conversation_log"
        " WHERE number >= (SELECT max(number) FROM conversation_log WHERE type = 'snapshot')"
        " ORDER BY number"
    )
    state = Conversation(key=NUMBER)
    for row in rows:
        event = event_of(row["type"], row["data"])
        recorded = Recorded(
            conversation_id=row["conversation_id"], number=row["number"], at=row["at"], event=event
        )
        state = evolve(state, recorded)
    assert state == chat.state


async def test_what_kafka_has_not_got_stays(pool: Pool, chat: StoredChat) -> None:
    before, retention = await types(pool), Owner(chat).retention(pool, journal_retention_days=2)
    await retention.sweep()
    await retention.sweep()
    assert await types(pool) == before


async def test_a_quiet_conversation_is_asked_for_one_snapshot_alone(pool: Pool, chat: StoredChat) -> None:
    owner = Owner(chat)
    chat.answer("Cuesta 20")
    chat.accept()
    await chat.save()
    await pool.execute("UPDATE conversation_log SET at = at - interval '3 days'")
    await published(pool, chat)
    retention = owner.retention(pool, journal_retention_days=2)
    for _ in range(3):
        await retention.sweep()
    assert await types(pool) == ["snapshot"]
    await pool.execute("UPDATE conversation_log SET at = at - interval '3 days'")
    await published(pool, chat)
    await retention.sweep()
    assert (await types(pool), len(owner.told)) == (["snapshot"], 1)


async def test_a_send_that_is_under_way_stays(pool: Pool, chat: StoredChat) -> None:
    chat.now -= timedelta(days=3)
    chat.answer("Cuesta 20")
    await chat.save()
    await published(pool, chat)
    retention = Owner(chat).retention(pool, journal_retention_days=2)
    await retention.sweep()
    states = [row["state"] for row in await pool.fetch("SELECT state FROM conversation_sends")]
    assert states == ["intended"]


async def test_messages_of_a_row_of_the_backends_own_go_too(pool: Pool, chat: StoredChat) -> None:
    made = (
        "INSERT INTO conversation_state (id, phone_number, elevenlabs_conversation_id, agent_id)"
        " VALUES (99, '+5711', 'c', 'a')"
    )
    await pool.execute(made)
    await pool.execute(
        "INSERT INTO conversation_messages (id, conversation_id, direction, content, sent_at)"
        " VALUES (99, 99, 'inbound', 'x', now() - interval '9 days')"
    )
    owner = Owner(chat)
    await owner.retention(pool, message_retention_days=2).sweep()
    assert [key for key, _ in owner.told] == ["+5711", NUMBER]


async def test_work_ends_when_it_is_cancelled(pool: Pool, chat: StoredChat) -> None:
    working = asyncio.create_task(Owner(chat).retention(pool).work())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_with_the_messages_their_words_go_from_the_log_the_sends_and_dead_letters(
    pool: Pool, chat: StoredChat
) -> None:
    await outside(pool, NUMBER)
    await pool.execute(
        "UPDATE conversation_dead_letter SET buried_at = now() - interval '3 days' WHERE id LIKE '1-%'"
    )
    await published(pool, chat)
    retention = Owner(chat).retention(pool, message_retention_days=2)
    await retention.sweep()
    await published(pool, chat)
    await retention.sweep()
    assert await contents(pool) == ["¿y el precio?"]
    for table in ("conversation_log", "conversation_sends", "conversation_messages"):
        rows = await pool.fetch(f"SELECT to_jsonb(t)::text AS row FROM {table} t")
        assert not any("buenas" in row["row"] for row in rows), table
    letters = await pool.fetch("SELECT id FROM conversation_dead_letter")
    assert [row["id"] for row in letters] == [f"0-{NUMBER}"]
    assert await pool.fetchval("SELECT count(*) FROM conversation_seen") > 1, "ids have a time of their own"
