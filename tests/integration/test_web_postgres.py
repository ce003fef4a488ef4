"""The gateway's SQL on a real Postgres: outcomes, the spool, conversations, stats."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from db.pool import Pool
from rules import inputs as i
from schemas.documents import now
from schemas.errors import Unavailable
from tests.support.deadline import eventually
from tests.support.gateway import AUTH, NUMBER, Fakes, gateway
from tests.support.stored_chat import StoredChat, stored_chat
from web.database import Database
from web.notifications import CALL_OUTCOME, SPOOL, Notifications
from web.outcomes import Outcomes
from web.spool import Content, Spool


@asynccontextmanager
async def running(*sides: Any) -> AsyncIterator[None]:  # noqa: ANN401
    tasks = [asyncio.create_task(side) for side in sides]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _conversation(pool: Pool) -> int:
    sql = """INSERT INTO conversation_state (phone_number, client_name, elevenlabs_conversation_id, agent_id)
             VALUES ($1, 'Ana García', 'conv_1', 'agent_1') RETURNING id"""
    return int(await pool.fetchval(sql, NUMBER))


@pytest.fixture
async def chat(pool: Pool) -> StoredChat:
    """A call has come; its first message is under way."""
    chat = await stored_chat(pool)
    chat.now = now()
    chat.call("conv_1")
    chat.give(i.DetailsFetched(call_id="conv_1", details=None, slot=True))
    chat.take_slot()
    await chat.save()
    return chat


async def _refused(chat: StoredChat) -> None:
    [send] = chat.sends()
    chat.give(i.SendRefused(own_id=send.part.own_id, why="not whitelisted", code="63007"))
    await chat.save()


async def test_an_outcome_is_heard_by_all_that_wait(pool: Pool, database_url: str, chat: StoredChat) -> None:
    outcomes = Outcomes(Database(pool))
    notifications = Notifications(database_url, {CALL_OUTCOME: outcomes.heard}, lambda _: None)
    async with running(outcomes.watch(), notifications.listen()):
        waiting = [asyncio.create_task(outcomes.wait("conv_1", 20)) for _ in range(10)]
        await _refused(chat)
        answers = await asyncio.gather(*waiting)
    assert {(answer.state, answer.error["status"]) for answer in answers if answer and answer.error} == {
        ("failed", 422)
    }


async def test_an_outcome_is_found_without_a_notification(pool: Pool, chat: StoredChat) -> None:
    outcomes = Outcomes(Database(pool))
    async with running(outcomes.watch()):
        waiting = asyncio.create_task(outcomes.wait("conv_1", 20))
        chat.accept()
        await chat.save()
        answer = await waiting
    assert answer is not None
    assert answer.state == "done"


async def test_not_in_time_gives_the_newest_there_is(pool: Pool, chat: StoredChat) -> None:
    outcomes = Outcomes(Database(pool))
    async with running(outcomes.watch()):
        answer = await outcomes.wait("conv_1", 0.5)
        assert answer is not None
        assert (answer.state, answer.conversation_id) == ("begun", 1)
        assert await outcomes.wait("conv_2", 0.05) is None


async def test_the_spool_knows_its_keys_and_is_emptied_in_order(pool: Pool) -> None:
    spool = Spool(Database(pool))
    spool.listening(True)
    await spool.look()
    assert spool.content is Content.EMPTY
    for number in range(30):
        await spool.store("inbound-message", f"k{number % 3}", str(number).encode(), "r")
    assert (await spool.holds("k1"), await spool.holds("other")) == (True, False)
    assert (await spool.holds("other", ["k1"]), await spool.holds("other", ["another"])) == (True, False)
    sent: dict[str, list[int]] = {}

    async def send(
        topic: str, key: str, value: bytes, request_id: str | None, *, trace: str | None = None
    ) -> None:
        if key == "k2" and len(sent.get(key, ())) == 4:
            raise Unavailable("Kafka does not answer")
        sent.setdefault(key, []).append(int(value))

    assert not await spool.publish(send)
    assert sent["k0"] == list(range(0, 30, 3))
    assert (await spool.holds("k0"), await spool.holds("k2")) == (False, True)
    sent.clear()
    assert await spool.publish(send) is False
    assert sent["k2"] == [14, 17, 20, 23]


async def test_a_partition_that_takes_nothing_holds_up_no_other(pool: Pool) -> None:
    """Nor whoever is somebody else in its events; what it holds keeps its order."""
    spool, silent = Spool(Database(pool)), {"a", "CO.1"}
    for number in range(450):
        await spool.store("inbound-message", "a", str(number).encode(), "r")
    named = json.dumps({"params": {"From": "whatsapp:+573138539155", "ExternalUserId": "whatsapp:CO.1"}})
    await spool.store("inbound-message", "CO.1", b"1", "r")
    await spool.store("inbound-message", "+573138539155", named.encode(), "r")
    await spool.store("inbound-message", "+573138539155", b"2", "r")
    await spool.store("inbound-message", "b", b"3", "r")
    sent: list[tuple[str, bytes]] = []

    async def send(
        topic: str, key: str, value: bytes, request_id: str | None, *, trace: str | None = None
    ) -> None:
        if key in silent:
            raise Unavailable("a partition does not answer")
        sent.append((key, value))

    assert not await spool.publish(send, lambda key: int(key in {"a", "CO.1"}))
    assert sent == [("b", b"3")]
    silent.clear()
    while await spool.publish(send, lambda key: 0):
        pass
    assert [int(value) for key, value in sent if key == "a"] == list(range(450))
    assert [key for key, _ in sent if key not in "ab"] == ["CO.1", "+573138539155", "+573138539155"]


async def test_a_line_for_which_a_pass_is_too_short_is_published_in_several(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass that is cut off would have removed nothing, and begin again with the same."""
    spool, loop = Spool(Database(pool)), asyncio.get_running_loop()
    for number in range(6):
        await spool.store("inbound-message", "k", str(number).encode(), "r")
    sent, clock, passed = list[int](), loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: clock() + passed)

    async def send(
        topic: str, key: str, value: bytes, request_id: str | None, *, trace: str | None = None
    ) -> None:
        nonlocal passed
        sent.append(int(value))
        passed += 1.9

    assert await spool.publish(send)
    assert sent == [0, 1, 2]
    assert await spool.publish(send)
    assert sent == [0, 1, 2, 3, 4, 5]


async def test_what_comes_at_once_is_stored_in_few_commits_in_its_order(pool: Pool) -> None:
    spool, count = Spool(Database(pool)), 200
    await asyncio.gather(
        *(spool.store("inbound-message", "k", str(number).encode(), "r") for number in range(count))
    )
    rows = await pool.fetch("SELECT value, xmin::text FROM conversation_spool ORDER BY id")
    assert [int(row["value"]) for row in rows] == list(range(count))
    assert len({row["xmin"] for row in rows}) <= 2


async def test_another_process_hears_of_the_spool(pool: Pool, database_url: str) -> None:
    ours, other = Spool(Database(pool)), Spool(Database(pool))
    async with running(Notifications(database_url, {SPOOL: other.heard}, other.listening).listen()):

        async def is_empty() -> bool:
            await other.look()
            return other.content is Content.EMPTY

        await eventually(is_empty)
        await ours.store("inbound-message", "k", b"1", "r")
        await asyncio.wait_for(other.filled.wait(), 10)
        assert await other.holds("k")
    assert other.content is Content.SOME  # and stays so after listening ended, until a look


async def test_a_look_does_not_overlook_what_is_stored_meanwhile(pool: Pool) -> None:
    spool = Spool(Database(pool))
    spool.listening(True)
    looking = asyncio.create_task(spool.look())
    await spool.store("inbound-message", "k", b"1", "r")
    await looking
    assert spool.content is Content.SOME


async def test_only_one_process_publishes(pool: Pool) -> None:
    ours, other = Spool(Database(pool)), Spool(Database(pool))
    await ours.store("inbound-message", "k", b"1", "r")
    sending, go_on = asyncio.Event(), asyncio.Event()
    sent: list[bytes] = []

    async def send(
        topic: str, key: str, value: bytes, request_id: str | None, *, trace: str | None = None
    ) -> None:
        sending.set()
        await go_on.wait()
        sent.append(value)

    publishing = asyncio.create_task(ours.publish(send))
    await sending.wait()
    assert not await other.publish(send)
    go_on.set()
    assert await publishing
    assert sent == [b"1"]


async def test_without_postgres_nothing_may_overtake_the_spool(pool: Pool) -> None:
    spool, fresh = Spool(Database(pool)), Spool(Database(pool))
    await spool.store("inbound-message", "k", b"1", "r")
    await pool.close()
    with pytest.raises(Unavailable):
        await spool.holds("k")
    with pytest.raises(Unavailable):
        await spool.store("inbound-message", "k", b"1", "r")
    assert not await fresh.holds("k")


@asynccontextmanager
async def reading(pool: Pool) -> AsyncIterator[Any]:
    fakes = Fakes(rows=Database(pool))  # type: ignore[arg-type]
    async with gateway(fakes) as client:

        async def read(path: str) -> dict[str, Any]:
            answer = await client.get(path, headers=AUTH)
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())

        yield read


async def _messages(pool: Pool, conversation: int, begun: datetime) -> None:
    sql = """INSERT INTO conversation_messages (conversation_id, direction, content, sent_at)
             VALUES ($1, $2, $3, $4)"""
    # The third is recorded after an answer that was sent later than it came.
    messages = (("outbound", "1", 0), ("outbound", "3", 9), ("inbound", "2", 5), ("inbound", "4", 9))
    for direction, content, second in messages:
        await pool.execute(
            sql, conversation, direction, content, begun + timedelta(seconds=second, milliseconds=700)
        )


async def test_a_conversation_is_shown_oldest_first_and_in_pages(pool: Pool) -> None:
    conversation = await _conversation(pool)
    await _messages(pool, conversation, datetime(2025, 10, 28, 10, 34, 34))
    async with reading(pool) as read:
        whole = (await read("/api/conversations/573138539155"))["conversation"]
        assert (whole["message_count"], whole["phone_number"]) == (4, NUMBER)
        assert [message["content"] for message in whole["messages"]] == ["1", "2", "3", "4"]
        assert whole["messages"][0]["timestamp"] == "2025-10-28T10:34:34Z"
        newest = (await read("/api/conversations/573138539155?limit=3"))["conversation"]
        assert [message["content"] for message in newest["messages"]] == ["2", "3", "4"]
        assert newest["message_count"] == 4
        older = f"/api/conversations/573138539155?limit=3&before={newest['next_before']}"
        assert [message["content"] for message in (await read(older))["conversation"]["messages"]] == ["1"]
        until = "/api/conversations/573138539155?before=2025-10-28T05:34:40-05:00"
        assert [message["content"] for message in (await read(until))["conversation"]["messages"]] == [
            "1",
            "2",
        ]


async def test_stats_from_the_tables(pool: Pool) -> None:
    chat = await stored_chat(pool)
    chat.now = now()
    async with reading(pool) as read:
        before = await read("/api/stats")
        assert (before["source"], before["stats"]["response_rate"]) == ("postgres", 0)
        chat.call()
        chat.greet()
        chat.exchange()
        chat.write("¿y con descuento?")
        await chat.save()
        await pool.execute("INSERT INTO conversation_spool (topic, key, value) VALUES ('t', 'k', '')")
        stats = (await read("/api/stats"))["stats"]
    assert (stats["active_conversations"], stats["total_conversations_today"], stats["response_rate"]) == (
        1,
        1,
        100,
    )
    assert (stats["messages_sent_today"], stats["messages_received_today"]) == (2, 2)
    assert stats["queue"] == {"waiting": 1, "active": 1, "completed": 2, "failed": 0}
