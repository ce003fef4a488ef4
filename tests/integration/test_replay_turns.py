"""Failed turns that go on, and done ones that are done again, on a real Postgres: in order, and once."""

import uuid
from typing import Any

import pytest

from db.pool import Pool
from db.queries import load
from schemas.documents import now
from schemas.events import CallCompleted
from streams.journal.journal import Journal
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn

PHONE = "+573138539155"


@pytest.fixture
async def journal(pool: Pool) -> Journal:
    ownership = Ownership(pool, "test")
    await ownership.claim({0})
    return Journal(pool, Steps(pool), ownership)


async def begun(journal: Journal, *sids: str) -> Turn:
    address = f"whatsapp:{PHONE}"
    inputs: list[dict[str, Any]] = [
        {"event_id": sid, "address": address, "received_at": now(), "text": sid, "params": {}} for sid in sids
    ]
    turn = (await journal.begin_reply(0, PHONE, inputs, None)).turn
    assert turn is not None
    return turn


async def answered(journal: Journal, turn: Turn, *bodies: str) -> Turn:
    sends = [Send(own_id=str(uuid.uuid4()), to_address=turn.address, body=body) for body in bodies]
    return await journal.answer(turn, {"text": "x"}, sends, text="x", seconds=0.0)


async def accepted(journal: Journal, turn: Turn) -> None:
    for send in turn.sends:
        if send.state != "accepted":
            await journal.accept(turn, send, f"SM{send.own_id}", None)


async def failed(journal: Journal, turn: Turn, send_state: str = "refused") -> None:
    error = {"status": 422}
    await journal.fail(turn, code="63003", reason="no", error=error, suppress=False, send_state=send_state)


@pytest.fixture
async def call(journal: Journal) -> CallCompleted:
    """A conversation whose first message was sent."""
    recipient = {"phone_number": PHONE, "conversation_id": "c1"}
    call = CallCompleted.from_object({"agent_id": "agent", "recipient": recipient})
    turn = (await journal.begin_call(0, call, None)).turn
    assert turn is not None
    await accepted(journal, await answered(journal, turn, "hola"))
    return call


async def test_a_failed_turn_goes_on_where_it_failed(journal: Journal, call: CallCompleted) -> None:
    turn = await answered(journal, await begun(journal, "m1"), "uno", "dos")
    await journal.accept(turn, turn.sends[0], "SM1", None)
    await failed(journal, turn)
    again = (await journal.revive(0, PHONE, "message", "m1", None)).turn
    assert again is not None
    assert (again.id, [send.state for send in again.sends]) == (turn.id, ["accepted", "planned"])
    await accepted(journal, again)
    assert (await journal.revive(0, PHONE, "message", "m1", None)).state == "done"


async def test_a_send_of_unknown_outcome_is_looked_for_first(journal: Journal, call: CallCompleted) -> None:
    turn = await answered(journal, await begun(journal, "m1"), "uno")
    await failed(journal, turn, "held")
    again = (await journal.revive(0, PHONE, "message", "m1", None)).turn
    assert again is not None
    assert [send.state for send in again.sends] == ["intended"]


async def test_a_failed_turn_that_was_overtaken_is_left_alone(journal: Journal, call: CallCompleted) -> None:
    await failed(journal, await answered(journal, await begun(journal, "m1"), "uno"))
    await failed(journal, await answered(journal, await begun(journal, "m2"), "dos"))
    again = (await journal.revive(0, PHONE, "message", "m1", None)).turn  # what came later was not answered either
    assert again is not None
    await accepted(journal, again)
    later = (await journal.revive(0, PHONE, "message", "m2", None)).turn
    assert later is not None
    await failed(journal, later)
    await accepted(journal, await answered(journal, await begun(journal, "m3"), "tres"))
    assert (await journal.revive(0, PHONE, "message", "m2", None)).state == "superseded"


async def test_an_open_turn_of_the_number_comes_first(journal: Journal, call: CallCompleted) -> None:
    await failed(journal, await answered(journal, await begun(journal, "m1"), "uno"))
    under_way = await begun(journal, "m2")
    first = await journal.revive(0, PHONE, "message", "m1", None)
    assert first.turn is not None
    assert (first.state, first.turn.id) == ("open", under_way.id)
    await journal.hold(under_way, 0.0)
    assert (await journal.revive(0, PHONE, "message", "m1", None)).state == "held"


@pytest.mark.parametrize("replay", [None, "r1"])
async def test_behind_a_number_that_waits_for_its_time_a_replayed_event_waits_and_is_taken_up_then(
    journal: Journal, call: CallCompleted, pool: Pool, replay: str | None
) -> None:
    await failed(journal, await answered(journal, await begun(journal, "m1"), "uno"))
    held = await begun(journal, "m2")
    await journal.hold(held, 0.0)
    for _ in range(2):  # delivered twice, it waits once
        assert (await journal.revive(0, PHONE, "message", "m1", replay)).state == "held"
    assert await journal.replayed_waiting(PHONE) == [("message", "m1", replay)]

    async def due() -> list[str]:
        rows = await pool.fetch(load("journal").due, [0], 3600.0, 3600.0, 3600.0, 10)
        return [row["phone_number"] for row in rows]

    assert await due() == []
    error = {"status": 422}  # refused, so that the failed turn before it is not overtaken
    await journal.fail(held, code="63003", reason="no", error=error, suppress=False, send_state="refused")
    assert await due() == [PHONE]
    again = (await journal.revive(0, PHONE, "message", "m1", replay)).turn
    assert again is not None
    assert [member.payload["text"] for member in again.members] == ["m1"]
    assert await journal.replayed_waiting(PHONE) == []
    assert await due() == []


async def test_an_event_is_done_again_once_a_replay(journal: Journal, call: CallCompleted, pool: Pool) -> None:
    await accepted(journal, await answered(journal, await begun(journal, "m1"), "uno"))
    for replay in ("r1", "r2"):
        again = (await journal.revive(0, PHONE, "message", "m1", replay)).turn
        assert again is not None
        assert [member.payload["text"] for member in again.members] == ["m1"]
        await accepted(journal, await answered(journal, again, "otra vez"))
        assert (await journal.revive(0, PHONE, "message", "m1", replay)).state == "done"
    marks = await pool.fetch("SELECT metadata->>'replay' FROM conversation_messages WHERE content = 'otra vez' ORDER BY id")
    assert [row[0] for row in marks] == ["r1", "r2"]
    assert (await journal.revive(0, PHONE, "message", "m9", "r1")).state == "unknown"


async def test_only_the_present_calls_first_message_is_sent_again(journal: Journal, call: CallCompleted) -> None:
    first = (await journal.revive(0, PHONE, "call", "c1", "r1")).turn
    assert first is not None
    assert first.kind == "call"
    await accepted(journal, await answered(journal, first, "hola otra vez"))
    newer = call.model_copy(update={"recipient": call.recipient.model_copy(update={"conversation_id": "c2"})})
    turn = (await journal.begin_call(0, newer, None)).turn
    assert turn is not None
    await accepted(journal, await answered(journal, turn, "hola"))
    assert (await journal.revive(0, PHONE, "call", "c1", "r2")).state == "superseded"


async def test_nobody_who_asked_for_silence_is_written_to(journal: Journal, call: CallCompleted, pool: Pool) -> None:
    await failed(journal, await answered(journal, await begun(journal, "m1"), "uno"))
    await pool.execute("INSERT INTO conversation_suppression VALUES ($1, 'client', 'x', now())", PHONE)
    assert (await journal.revive(0, PHONE, "message", "m1", None)).state == "suppressed"
    assert (await journal.revive(0, PHONE, "message", "m1", "r1")).state == "suppressed"


async def test_events_from_before_a_restore_are_suspect(journal: Journal, call: CallCompleted, pool: Pool) -> None:
    assert (await begun(journal, "m1")).suspect_since is None
    await pool.execute("INSERT INTO conversation_restore VALUES (clock_timestamp())")
    open_turn = (await journal.begin_reply(0, PHONE, [], None)).turn
    assert open_turn is not None
    assert open_turn.suspect_since is not None
    await accepted(journal, await answered(journal, open_turn, "uno"))
    assert (await begun(journal, "m2")).suspect_since is None
