"""Late summaries on a real Postgres: filled in once, by whoever has them first."""

import asyncio
from contextlib import suppress
from typing import Any, cast

import pytest

from db.pool import Pool
from db.queries import load
from schemas.elevenlabs_call import CallDetails
from schemas.errors import RetryableError
from streams.journal.ownership import Ownership
from streams.vendors.elevenlabs_calls import ElevenLabsCalls
from streams.worker.lookups import Lookups
from tests.support.deadline import eventually
from tests.support.journal import Chat, chat_on

WHOLE = CallDetails(summary="Le interesa", duration_secs=74, transcript=[("user", "Me interesa")], dynamic_variables={})


@pytest.fixture
async def chat(pool: Pool) -> Chat:
    chat = await chat_on(pool)
    await chat.called()
    return chat


async def row(chat: Chat) -> Any:  # noqa: ANN401
    return await chat.pool.fetchrow("SELECT call_summary, call_duration_secs, metadata FROM conversation_state")


async def waits(chat: Chat) -> int:
    count: int = await chat.pool.fetchval("SELECT count(*) FROM conversation_lookup")
    return count


async def test_a_pushed_summary_is_filled_in_once(chat: Chat) -> None:
    assert await waits(chat) == 1
    sql = load("rules").call_details
    assert (await chat.pool.fetchval(sql, WHOLE.noted("c1")))["state"] == "noted"
    found = await row(chat)
    assert (found["call_summary"], found["call_duration_secs"]) == ("Le interesa", 74)
    assert found["metadata"]["details"]["transcript"] == [["user", "Me interesa"]]
    assert await waits(chat) == 0
    assert (await chat.pool.fetchval(sql, WHOLE.noted("c1")))["state"] == "known"
    assert (await chat.pool.fetchval(sql, WHOLE.noted("other")))["state"] == "unknown"
    [event] = await chat.events("details")
    assert event["data"]["call_summary"] == "Le interesa"


async def test_what_is_known_at_the_first_message_is_not_looked_up(pool: Pool) -> None:
    chat = await chat_on(pool)
    begun = await chat.begin_call()
    assert begun.turn is not None
    await chat.send(begun.turn, "primer mensaje", summary="Le interesa", duration_secs=74, details=WHOLE.kept())
    assert await waits(chat) == 0


class Calls:
    """ElevenLabs: away, then unfinished, then done."""

    def __init__(self) -> None:
        self.answers: list[CallDetails | None] = [None, CallDetails(
            summary=None, duration_secs=74, transcript=[("user", "Me interesa")], dynamic_variables={})]  # fmt: skip
        self.asked = 0

    async def fetch_call(self, conversation_id: str) -> CallDetails | None:
        self.asked += 1
        if self.asked == 1:
            raise RetryableError("elevenlabs", "broke off")
        return self.answers.pop(0) if self.answers else WHOLE


async def test_elevenlabs_is_asked_with_patience(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.worker.lookups._LOOK_EVERY_SECONDS", 0.02)
    monkeypatch.setattr("streams.worker.lookups.WAITS_SECONDS", (0.02,) * 10)
    ownership, calls = Ownership(chat.pool, "test"), Calls()
    await ownership.claim({0})
    working = asyncio.create_task(Lookups(chat.pool, ownership, cast(ElevenLabsCalls, calls)).work())

    async def is_told() -> bool:
        assert not working.done(), working
        return await waits(chat) == 0

    await eventually(is_told)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    found = await row(chat)
    assert (found["call_summary"], found["call_duration_secs"], calls.asked) == ("Le interesa", 74, 4)


async def test_patience_ends(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.worker.lookups._LOOK_EVERY_SECONDS", 0.02)
    monkeypatch.setattr("streams.worker.lookups.WAITS_SECONDS", (0.01, 0.01))
    ownership, calls = Ownership(chat.pool, "test"), Calls()
    calls.answers = [None] * 100
    await ownership.claim({0})
    working = asyncio.create_task(Lookups(chat.pool, ownership, cast(ElevenLabsCalls, calls)).work())

    async def is_given_up() -> bool:
        return await waits(chat) == 0

    await eventually(is_given_up)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    assert calls.asked == 3
    assert (await row(chat))["call_summary"] is None


async def test_a_quoted_message_is_named(chat: Chat) -> None:
    sid = await chat.pool.fetchval("SELECT twilio_message_id FROM conversation_messages")
    turn = (await chat.write("¿de qué hablas?", OriginalRepliedMessageSid=sid)).turn
    assert turn is not None
    assert turn.members[0].payload["text"] == "[En respuesta a «primer mensaje»]\n¿de qué hablas?"
    stored = await chat.pool.fetchval("SELECT content FROM conversation_messages WHERE direction = 'inbound'")
    assert stored == turn.members[0].payload["text"]
    await chat.send(turn, "hola")
    turn = (await chat.write("sí", OriginalRepliedMessageSid="SMgone")).turn
    assert turn is not None
    assert turn.members[0].payload["text"] == "[En respuesta a un mensaje anterior]\nsí"
