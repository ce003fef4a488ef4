"""STOP and START on a real Postgres: nothing goes to a number that asked for no more messages."""

import pytest

from db.pool import Pool
from schemas.documents import now
from schemas.errors import OptedOut
from streams.conversation.refusals import refusal
from tests.support.journal import PHONE, Chat, ago, chat_on


@pytest.fixture
async def chat(pool: Pool) -> Chat:
    return await chat_on(pool)


async def suppressed(pool: Pool) -> bool:
    return bool(await pool.fetchval("SELECT wm_is_suppressed($1)", PHONE))


async def test_a_stop_is_confirmed_once_and_ends_all_sending(chat: Chat) -> None:
    await chat.called()
    turn = (await chat.write("hola", "BAJA", "stop")).turn
    assert turn is not None
    assert (turn.notice, turn.is_silent) == ("opted_out", True)
    await chat.send(turn, "confirmado")
    assert (await chat.write("¿siguen ahí?")).state == "silent"
    assert (await chat.write("STOP")).state == "silent"  # stored, not confirmed again
    assert len(await chat.events("opted_out")) == 1
    stored = await chat.pool.fetch("SELECT content FROM conversation_messages WHERE direction = 'inbound' ORDER BY id")
    assert [row["content"] for row in stored] == ["hola", "BAJA", "stop", "¿siguen ahí?", "STOP"]


async def test_what_twilio_has_answered_is_not_answered_again(chat: Chat) -> None:
    await chat.called()
    assert (await chat.write("STOP", OptOutType="STOP")).turn is None
    assert await suppressed(chat.pool)
    assert (await chat.write("START", OptOutType="START")).turn is None
    assert not await suppressed(chat.pool)
    assert [event["data"]["by"] for event in await chat.events("opted_out", "opted_in")] == ["client", "client"]


async def test_a_stop_counts_at_once_also_while_an_answer_is_being_made(chat: Chat) -> None:
    await chat.called()
    turn = (await chat.write("¿cuánto cuesta?")).turn
    assert turn is not None
    await chat.journal.stop_arrived(PHONE, "SMin2", now())
    answered = await chat.answer(turn, "cuesta $99")
    assert [send.state for send in answered.sends] == ["planned"]
    with pytest.raises(OptedOut) as error:
        await chat.journal.intend(answered, answered.sends[0])
    assert refusal(error.value)["status"] == 409
    await chat.journal.fail(answered, code="opted_out", reason="", error=refusal(error.value), suppress=False)
    stop = (await chat.write("STOP")).turn  # its own turn: told and confirmed
    assert stop is not None
    assert stop.notice == "opted_out"
    await chat.send(stop, "confirmado")
    assert len(await chat.events("opted_out")) == 1


async def test_a_stop_delivered_again_after_a_start_undoes_nothing(chat: Chat) -> None:
    await chat.called()
    stop = (await chat.write("STOP", at=ago(minutes=2))).turn
    assert stop is not None
    await chat.send(stop, "confirmado")
    start = (await chat.write("Alta")).turn
    assert start is not None
    assert (start.notice, start.is_silent) == ("opted_in", True)
    await chat.send(start, "bienvenida")
    await chat.journal.stop_arrived(PHONE, "SMin1", ago(minutes=2))
    assert not await suppressed(chat.pool)
    turn = (await chat.write("¿cuánto cuesta?")).turn
    assert turn is not None
    assert turn.rule is None


async def test_a_start_with_a_question_is_confirmed_and_answered(chat: Chat) -> None:
    await chat.called()
    await chat.journal.stop_arrived(PHONE, "SM0", ago(minutes=1))
    turn = (await chat.write("alta", "¿cuánto cuesta?")).turn
    assert turn is not None
    assert (turn.notice, turn.is_silent) == ("opted_in", False)
    assert [member.payload["text"] for member in turn.questions] == ["¿cuánto cuesta?"]


async def test_a_start_without_a_stop_is_an_ordinary_message(chat: Chat) -> None:
    await chat.called()
    turn = (await chat.write("alta")).turn
    assert turn is not None
    assert turn.rule is None


async def test_a_later_campaign_begins_nothing_and_says_why(chat: Chat) -> None:
    await chat.journal.stop_arrived(PHONE, "SM0", now())
    assert (await chat.begin_call()).state == "suppressed"
    assert (await chat.begin_call()).state == "done"  # the same call again: the same outcome
    row = await chat.pool.fetchrow("SELECT state, error FROM conversation_turn")
    assert row["state"] == "failed"
    assert (row["error"]["status"], row["error"]["error"]) == (409, "The number has opted out")
    assert await chat.pool.fetchval("SELECT count(*) FROM conversation_state") == 0


@pytest.mark.parametrize("code", ["21610", "63014", "63033"])
async def test_a_person_who_blocks_us_is_suppressed(chat: Chat, code: str) -> None:
    await chat.called()
    turn = (await chat.write("hola")).turn
    assert turn is not None
    sent = await chat.send(turn, "hola")
    await chat.report(sent.sends[0], "undelivered", 6, error_code=code, suppress=True)
    assert await suppressed(chat.pool)
    [event] = await chat.events("opted_out")
    assert event["data"] == {"by": "twilio", "code": code}
    assert (await chat.begin_call("c2")).state == "suppressed"


async def test_a_refusal_at_once_suppresses_too(chat: Chat) -> None:
    begun = await chat.begin_call()
    assert begun.turn is not None
    await chat.journal.fail(begun.turn, code="21610", reason="unsubscribed", error={"status": 409}, suppress=True)
    assert await suppressed(chat.pool)


async def test_the_suppression_survives_the_conversation(chat: Chat) -> None:
    await chat.called()
    await chat.journal.stop_arrived(PHONE, "SM0", now())
    await chat.pool.execute("DELETE FROM conversation_state")
    assert await suppressed(chat.pool)
