"""Held turns on a real Postgres: the number waits in its order, and only it."""

from typing import Any

import pytest

from db.pool import Pool
from db.queries import load
from schemas.documents import now
from schemas.errors import Fenced
from schemas.events import CallCompleted
from streams.journal.journal import Begun, Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn

PHONE = "+573138539155"
_OWN = "00000000-0000-4000-8000-00000000000{}"


@pytest.fixture
async def ownership(pool: Pool) -> Ownership:
    ownership = Ownership(pool, "test")
    await ownership.claim({0})
    return ownership


@pytest.fixture
def journal(pool: Pool, ownership: Ownership) -> Journal:
    return Journal(pool, Steps(pool), ownership)


def call(conversation: str) -> CallCompleted:
    recipient = {"phone_number": PHONE, "conversation_id": conversation}
    return CallCompleted.from_object({"agent_id": "agent", "recipient": recipient})


def inputs(*sids: str) -> list[dict[str, Any]]:
    address = f"whatsapp:{PHONE}"
    return [{"event_id": sid, "address": address, "received_at": now(), "text": sid, "params": {}} for sid in sids]


async def write(journal: Journal, *sids: str) -> Begun:
    return await journal.begin_reply(0, PHONE, inputs(*sids), None)


async def finish(journal: Journal, turn: Turn, place: int) -> None:
    send = Send(own_id=_OWN.format(place), to_address=turn.address, body="hola")
    turn = await journal.answer(turn, {"text": "hola"}, [send], text="hola", seconds=0.0)
    await journal.accept(turn, turn.sends[0], f"SM{place}", None)


async def begun(journal: Journal) -> Turn:
    """A call's turn done, and a message's turn begun."""
    first = (await journal.begin_call(0, call("c1"), None)).turn
    assert first is not None
    await finish(journal, first, 1)
    turn = (await write(journal, "m1")).turn
    assert turn is not None
    return turn


async def release(pool: Pool) -> None:
    await pool.execute("UPDATE conversation_turn SET due_at = now() WHERE due_at IS NOT NULL")


async def test_what_comes_behind_a_held_turn_is_stored_and_keeps_its_order(journal: Journal, pool: Pool) -> None:
    turn = await begun(journal)
    await journal.hold(turn, 0.0)
    assert (await write(journal, "m2")).state == "held"
    assert (await journal.begin_call(0, call("c2"), None)).state == "held"
    assert (await write(journal, "m3")).state == "held"
    assert (await write(journal, "m2")).state == "held"  # delivered again
    await release(pool)

    resumed = await write(journal)
    assert resumed.turn is not None
    assert (resumed.state, resumed.turn.id) == ("open", turn.id)
    await finish(journal, resumed.turn, 2)
    second = (await write(journal)).turn
    assert second is not None
    assert [member.event_id for member in second.members] == ["m2"]
    await finish(journal, second, 3)
    waiting = await write(journal)
    assert waiting.call is not None
    assert (waiting.state, waiting.call.event_id) == ("call", "c2")
    third = (await journal.begin_call(0, waiting.call, None)).turn
    assert third is not None
    assert third.elevenlabs_conversation_id == "c2"
    await finish(journal, third, 4)
    last = (await write(journal)).turn
    assert last is not None
    assert [member.event_id for member in last.members] == ["m3"]
    await finish(journal, last, 5)
    assert (await write(journal)).state == "done"
    contents = await pool.fetch("SELECT content FROM conversation_messages WHERE direction = 'inbound' ORDER BY id")
    assert [row["content"] for row in contents] == ["m1", "m2", "m3"]


async def test_a_held_send_is_planned_again_unless_a_report_proved_it(journal: Journal, pool: Pool) -> None:
    turn = await begun(journal)
    sends = [Send(own_id=_OWN.format(place), to_address=turn.address, body="hola") for place in (8, 9)]
    answered = await journal.answer(turn, {"text": "hola"}, sends, text="hola", seconds=0.0)
    assert [send.state for send in answered.sends] == ["intended", "planned"]
    await journal.hold(answered, 0.0)
    await release(pool)
    resumed = (await write(journal)).turn
    assert resumed is not None
    assert [send.state for send in resumed.sends] == ["planned", "planned"]
    assert await journal.intend(resumed, resumed.sends[0]) is None
    report = {"own_id": _OWN.format(8), "sid": "SM8", "status": "sent", "rank": 2, "delivered": False, "read": False}
    assert await journal.report(report | {"error_code": None, "failed": False, "reason": None})
    await journal.hold(resumed, 0.0)
    await release(pool)
    again = (await write(journal)).turn
    assert again is not None
    assert again.sends[0].state == "intended"
    assert await journal.intend(again, again.sends[0]) == "SM8"


async def test_a_send_of_unknown_outcome_stays_one_while_its_turn_is_held(journal: Journal, pool: Pool) -> None:
    turn = await begun(journal)
    send = Send(own_id=_OWN.format(8), to_address=turn.address, body="hola")
    answered = await journal.answer(turn, {"text": "hola"}, [send], text="hola", seconds=0.0)
    await journal.hold(answered, 0.0, unknown=True)
    await release(pool)
    resumed = (await write(journal)).turn
    assert resumed is not None
    assert resumed.answered_at is not None
    assert [each.state for each in resumed.sends] == ["intended"]
    assert 0 <= (resumed.sends[0].age_seconds or 0) < 60


async def test_each_hold_is_longer_up_to_a_bound_and_as_long_as_asked(journal: Journal, pool: Pool) -> None:
    turn = await begun(journal)
    seconds = []
    for asked in (0.0, 0.0, 200.0, 10_000.0):
        await journal.hold(turn, asked)
        seconds.append(round(await pool.fetchval(
            "SELECT extract(epoch FROM due_at - clock_timestamp()::timestamp) FROM conversation_turn WHERE id = $1", turn.id
        )))  # fmt: skip
    assert seconds == [15, 30, 200, 300]


async def test_a_due_turn_is_found_by_its_partitions_owner(journal: Journal, pool: Pool) -> None:
    due = load("journal").due
    turn = await begun(journal)
    await journal.hold(turn, 0.0)
    assert await pool.fetch(due, [0], 300.0, 600.0, 10.0, 10) == []
    await release(pool)
    assert [row["phone_number"] for row in await pool.fetch(due, [0], 300.0, 600.0, 10.0, 10)] == [PHONE]
    assert await pool.fetch(due, [1], 300.0, 600.0, 10.0, 10) == []


async def test_a_stranger_is_found_when_the_grace_is_over(journal: Journal, pool: Pool) -> None:
    due = load("journal").due
    assert await journal.park(0, PHONE, inputs("m1"))
    assert await pool.fetch(due, [0], 300.0, 600.0, 10.0, 10) == []
    row = (await pool.fetch(due, [0], 0.0, 600.0, 10.0, 10))[0]
    assert (row["phone_number"], row["partition"], row["address"]) == (PHONE, 0, f"whatsapp:{PHONE}")


async def test_a_former_owner_holds_nothing(journal: Journal, pool: Pool) -> None:
    turn = await begun(journal)
    await Ownership(pool, "other").claim({0})
    with pytest.raises(Fenced):
        await journal.hold(turn, 0.0)
