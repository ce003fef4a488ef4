"""Delivery reports on a real Postgres: in any order, repeated, early, late, and of messages that are not known."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from db.pool import Pool
from schemas.events import CallCompleted, MessageStatus
from streams.conversation.delivery import report_step
from streams.journal.journal import Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn

PHONE = "+573138539155"
OWN = "00000000-0000-4000-8000-000000000001"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def journal(pool: Pool) -> Journal:
    ownership = Ownership(pool, "test")
    await ownership.claim({0})
    return Journal(pool, Steps(pool), ownership)


@pytest.fixture
async def answered(journal: Journal) -> Turn:
    """A call's turn, its one message intended."""
    recipient = {"phone_number": PHONE, "conversation_id": "c1"}
    call = CallCompleted.from_object({"agent_id": "agent", "recipient": recipient})
    turn = (await journal.begin_call(0, call, None)).turn
    assert turn
    send = Send(own_id=OWN, to_address=f"whatsapp:{PHONE}", body="hola")
    return await journal.answer(turn, {"text": "hola"}, [send], text="hola", seconds=0.0)


async def report(journal: Journal, status: str, *, own: bool = True, seconds: float = 0, **params: str) -> bool:
    named = {"MessageStatus": status, "MessageSid": "SM1", "To": f"whatsapp:{PHONE}", **params}
    event = MessageStatus(
        event_id=f"SM1:{status}", received_at=AT + timedelta(seconds=seconds), params=named, own_id=OWN if own else None
    )
    return await journal.report(report_step(event))


async def accept(journal: Journal, turn: Turn) -> None:
    await journal.accept(turn, turn.sends[0], "SM1", "queued")


async def message(pool: Pool) -> tuple[datetime | None, datetime | None]:
    row = await pool.fetchrow("SELECT delivered_at, read_at FROM conversation_messages WHERE twilio_message_id = 'SM1'")
    return row["delivered_at"], row["read_at"]


async def status(pool: Pool) -> str:
    return str(await pool.fetchval("SELECT status FROM conversation_send"))


def moment(seconds: float) -> datetime:
    return (AT + timedelta(seconds=seconds)).replace(tzinfo=None)


async def test_in_any_order_and_repeated(journal: Journal, answered: Turn, pool: Pool) -> None:
    await accept(journal, answered)
    reports = [("sent", 1.0), ("delivered", 2.0), ("read", 3.0)] * 3
    random.shuffle(reports)
    for name, seconds in reports:
        assert await report(journal, name, seconds=seconds)
    delivered, read = await message(pool)
    assert await status(pool) == "read"
    assert read == moment(3)
    assert delivered in (moment(2), moment(3))  # "read" says that it was delivered, if it comes first
    events = await pool.fetch("SELECT payload FROM conversation_outbox")
    assert len(events) < 3 + 3 + 1  # repetitions make no events


@pytest.mark.parametrize("own", [True, False])
async def test_before_the_create_has_returned(journal: Journal, answered: Turn, pool: Pool, own: bool) -> None:
    """With our own id, as our callbacks carry it, and without, as a callback set at Twilio's sender comes."""
    assert await report(journal, "delivered", own=own, seconds=2) is own
    assert await report(journal, "sent", own=own, seconds=1) is own
    await accept(journal, answered)
    assert await message(pool) == (moment(2), None)
    assert await status(pool) == "delivered"
    assert await report(journal, "read", own=own, seconds=9)
    assert await message(pool) == (moment(2), moment(9))
    assert await pool.fetchval("SELECT count(*) FROM conversation_early_report") == 0


async def test_together_with_the_acceptance(journal: Journal, answered: Turn, pool: Pool) -> None:
    await asyncio.gather(
        *(report(journal, name, own=False, seconds=5) for name in ("sent", "delivered")),
        accept(journal, answered),
        report(journal, "read", own=False, seconds=5),
    )
    assert await status(pool) == "read"
    assert await message(pool) == (moment(5), moment(5))


async def test_a_failure_is_told_in_words_and_stays(journal: Journal, answered: Turn, pool: Pool) -> None:
    await accept(journal, answered)
    assert await report(journal, "undelivered", ErrorCode="63024", ChannelStatusMessage="Invalid message recipient")
    assert await report(journal, "sent")
    assert await status(pool) == "undelivered"
    told = await pool.fetchval("SELECT payload->'data' FROM conversation_outbox WHERE payload->>'type' = 'failed'")
    assert (told["code"], told["reason"]) == ("63024", "WhatsApp no admite este destinatario")
    assert told["vendor_words"] == "Invalid message recipient"


async def test_an_unknown_status_or_code_breaks_nothing(journal: Journal, answered: Turn, pool: Pool) -> None:
    await accept(journal, answered)
    assert await report(journal, "teleported")
    assert await report(journal, "failed", ErrorCode="InvalidSandboxRequest")
    assert await status(pool) == "failed"


async def _hold(journal: Journal, turn: Turn) -> None:
    error = {"status": 422, "error": "outcome unknown"}
    await journal.fail(turn, code="0", reason="outcome unknown", error=error, suppress=False, send_state="held")


@pytest.mark.parametrize("status_told", ["sent", "delivered", "undelivered"])
async def test_a_held_send_that_is_proven_is_a_message_and_its_turn_is_done(
    journal: Journal, answered: Turn, pool: Pool, status_told: str
) -> None:
    await _hold(journal, answered)
    assert await report(journal, status_told, seconds=2)
    assert await report(journal, status_told, seconds=2)  # the list tells what the report told
    send = await pool.fetchrow("SELECT state, sid, status, error_code, intended_at, accepted_at FROM conversation_send")
    assert (send["state"], send["sid"], send["status"], send["error_code"]) == ("accepted", "SM1", status_told, None)
    assert send["accepted_at"] == send["intended_at"]
    turn = await pool.fetchrow("SELECT state, error FROM conversation_turn")
    assert (turn["state"], turn["error"]) == ("done", None)
    messages = await pool.fetch("SELECT content, delivered_at FROM conversation_messages")
    assert [tuple(row) for row in messages] == [("hola", moment(2) if status_told == "delivered" else None)]
    assert await pool.fetchval("SELECT message_count FROM conversation_state") == 1
    told = await pool.fetch("SELECT payload->>'type' AS type FROM conversation_outbox ORDER BY number")
    after = "failed" if status_told == "undelivered" else "delivered"
    assert [row["type"] for row in told] == ["started", "answered", "failed", "sent", after]


async def _in_parts(journal: Journal, *bodies: str) -> Turn:
    inputs = [{"event_id": "SMin", "address": f"whatsapp:{PHONE}", "received_at": AT, "text": "hola", "params": {}}]
    turn = (await journal.begin_reply(0, PHONE, inputs, None)).turn
    assert turn
    sends = [
        Send(own_id=OWN[:-1] + str(place + 2), to_address=turn.address, body=body) for place, body in enumerate(bodies)
    ]
    return await journal.answer(turn, {"text": "x"}, sends, text="x", seconds=0.0)


async def _prove(journal: Journal, send: Send) -> None:
    step = {
        "own_id": send.own_id,
        "sid": f"SM{send.own_id}",
        "status": "sent",
        "rank": 3,
        "delivered": False,
        "read": False,
    }
    await journal.report(step | {"failed": False, "error_code": None, "reason": None})


async def test_parts_behind_a_proven_send_go_out(journal: Journal, answered: Turn, pool: Pool) -> None:
    await accept(journal, answered)
    turn = await _in_parts(journal, "uno", "dos", "tres")
    await _hold(journal, turn)
    await _prove(journal, turn.sends[0])
    again = (await journal.begin_reply(0, PHONE, [], None)).turn
    assert again
    assert [(send.body, send.state) for send in again.sends] == [
        ("uno", "accepted"), ("dos", "planned"), ("tres", "planned"),
    ]  # fmt: skip


async def test_parts_behind_a_proven_send_stay_unsent_where_something_later_was_said(
    journal: Journal, answered: Turn, pool: Pool
) -> None:
    await accept(journal, answered)
    turn = await _in_parts(journal, "uno", "dos")
    await _hold(journal, turn)
    recipient = {"phone_number": PHONE, "conversation_id": "c2"}
    later = (await journal.begin_call(0, CallCompleted.from_object({"agent_id": "a", "recipient": recipient}), None)).turn
    assert later
    await _prove(journal, turn.sends[0])
    rows = await pool.fetch("SELECT state FROM conversation_send WHERE turn_id = $1 ORDER BY part", turn.id)
    assert [row["state"] for row in rows] == ["accepted", "held"]
    assert await pool.fetchval("SELECT state FROM conversation_turn WHERE id = $1", turn.id) == "failed"
    assert await pool.fetchval("SELECT count(*) FROM conversation_messages WHERE content = 'uno'") == 1


async def test_reports_of_others_messages_go_after_a_day(journal: Journal, pool: Pool) -> None:
    assert not await report(journal, "sent", own=False)
    await pool.execute("UPDATE conversation_early_report SET received_at = now() - interval '25 hours'")
    assert not await report(journal, "sent", own=False, MessageSid="SM2")
    assert [row["sid"] for row in await pool.fetch("SELECT sid FROM conversation_early_report")] == ["SM2"]
