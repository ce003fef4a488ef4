"""A number is erased on a real Postgres: nothing of it is left, and nothing brings it back."""

import json

import pytest

from db.pool import Pool
from schemas.documents import now
from schemas.events import ConversationCommand, MessageStatus
from schemas.phone import number_digest
from streams.conversation.delivery import report_step
from streams.journal.journal import Begun
from tests.support.journal import PHONE, Chat, chat_on


@pytest.fixture
async def chat(pool: Pool) -> Chat:
    return await chat_on(pool)


async def erase(chat: Chat, command_id: str = "k1") -> Begun:
    command = ConversationCommand.from_object(
        {"command": "erase", "command_id": command_id, "phone_number": chat.number, "by": "Ana", "at": now()}
    )
    return await chat.journal.begin_command(0, command, None, has_template=False, sure=True)


async def outcome(chat: Chat, command_id: str = "k1") -> dict[str, object]:
    found: dict[str, object] = await chat.pool.fetchval(
        "SELECT outcome FROM conversation_input WHERE kind = 'command' AND event_id = $1", command_id
    )
    return found


async def where_it_stands(chat: Chat) -> set[str]:
    """Every table in which the number, or what was said, still stands anywhere."""
    tables = await chat.pool.fetch("SELECT tablename FROM pg_tables WHERE tablename LIKE 'conversation%'")
    found = set()
    for table in (row["tablename"] for row in tables):
        rows = await chat.pool.fetch(f"SELECT to_jsonb(t) AS row FROM {table} t")
        text = json.dumps([row["row"] for row in rows], ensure_ascii=False)
        if PHONE in text or "secreto" in text:
            found.add(table)
    return found


async def test_nothing_of_a_number_is_left_but_its_opt_out(chat: Chat) -> None:
    await chat.called(agent_name="secreto")
    turn = (await chat.write("un secreto", "asesor")).turn
    assert turn is not None
    await chat.send(turn, "otro secreto")
    await chat.write("un secreto más")
    await chat.journal.stop_arrived(PHONE, "SM0", now())
    await chat.begin_call("turned down")
    await chat.pool.execute(
        "INSERT INTO conversation_spool (topic, key, value) VALUES ('inbound-message', $1, 'secreto')", PHONE
    )
    assert (await erase(chat)).state == "done"
    assert await outcome(chat) == {"state": "done", "changed": True}
    # The tombstone event is on its way, under its number as every event.
    assert await where_it_stands(chat) == {"conversation_suppression", "conversation_outbox"}
    [event] = await chat.events()
    assert (event["type"], event["data"], event["state"]) == ("erased", {}, {})
    digest = await chat.pool.fetchval("SELECT number_digest FROM conversation_erasure")
    assert digest == number_digest(PHONE)


MEXICAN, AS_TWILIO_SPELLS_IT = "+525587654321", "whatsapp:+5215587654321"


async def test_a_report_that_waits_for_its_message_goes_too_however_the_number_is_spelled(pool: Pool) -> None:
    chat = await chat_on(pool, MEXICAN)
    await chat.called()
    for sid, to in (("SMtheirs", AS_TWILIO_SPELLS_IT), ("SMothers", f"whatsapp:{PHONE}")):
        params = {"MessageSid": sid, "MessageStatus": "delivered", "To": to, "From": "whatsapp:+14155238886"}
        early = MessageStatus(event_id=f"{sid}:delivered", received_at=now(), params=params)
        assert not await chat.journal.report(report_step(early))
    kept = "SELECT sid FROM conversation_early_report ORDER BY sid"
    assert [row["sid"] for row in await pool.fetch(kept)] == ["SMothers", "SMtheirs"]
    assert (await erase(chat)).state == "done"
    assert [row["sid"] for row in await pool.fetch(kept)] == ["SMothers"]


async def test_the_log_delivered_again_begins_nothing(chat: Chat) -> None:
    await chat.called("c1")
    turn = (await chat.write("hola")).turn
    assert turn is not None
    await chat.send(turn, "buenas")
    await erase(chat)
    assert (await chat.begin_call("c1")).state == "done"
    chat._written -= 1
    assert (await chat.write("hola")).state == "unknown"
    assert await chat.journal.park(0, PHONE, [])
    assert await chat.pool.fetchval("SELECT count(*) FROM conversation_input WHERE state = 'parked'") == 0
    await chat.called("c2")  # but a new call is a new conversation
    assert await chat.status() == "active"


async def test_what_waits_is_erased_too_and_what_is_under_way_is_finished_first(chat: Chat) -> None:
    await chat.called()
    turn = (await chat.write("hola")).turn
    assert turn is not None
    opened = await erase(chat)
    assert (opened.state, opened.turn and opened.turn.id) == ("open", turn.id)
    await chat.journal.hold(turn, 0.0)
    assert (await chat.write("¿hola?")).state == "held"
    assert (await erase(chat)).state == "done"
    assert await chat.pool.fetchval("SELECT count(*) FROM conversation_turn") == 0
    assert await where_it_stands(chat) == {"conversation_outbox"}


async def test_a_number_of_which_nothing_is_kept(chat: Chat) -> None:
    assert (await erase(chat)).state == "done"
    assert await outcome(chat) == {"state": "done", "changed": False}
    assert (await erase(chat, "k2")).state == "done"
