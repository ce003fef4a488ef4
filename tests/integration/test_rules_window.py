"""The window, repetition as a template, calls that begin nothing, pace and quiet hours, on a real Postgres."""

import pytest

from db.pool import Pool
from db.queries import load
from tests.support.journal import PHONE, Chat, ago, call, chat_on


@pytest.fixture
async def chat(pool: Pool) -> Chat:
    return await chat_on(pool)


async def due(chat: Chat) -> list[str]:
    rows = await chat.pool.fetch(load("journal").due, [0], 300.0, 600.0, 10.0, 10)
    return [row["phone_number"] for row in rows]


async def test_the_window_begins_with_the_clients_last_message(chat: Chat) -> None:
    begun = await chat.begin_call()
    assert begun.turn is not None
    assert begun.turn.last_inbound_at is None
    await chat.send(begun.turn, "primer mensaje")
    wrote = ago(hours=3)
    turn = (await chat.write("hola", at=wrote)).turn
    assert turn is not None
    assert turn.last_inbound_at == wrote
    await chat.send(turn, "hola")
    late = (await chat.write("de ayer", at=ago(days=1))).turn  # found late: it does not move the window back
    assert late is not None
    assert late.last_inbound_at == wrote


async def test_what_falls_outside_the_window_is_repeated_once_never_in_a_loop(chat: Chat) -> None:
    begun = await chat.begin_call()
    assert begun.turn is not None
    sent = await chat.send(begun.turn, "primer mensaje")
    assert await due(chat) == []
    for _ in range(2):
        await chat.report(sent.sends[0], "undelivered", 6, error_code="63016", outside=True)
    assert await due(chat) == [PHONE]
    again = (await chat.journal.begin_again(0, PHONE)).turn
    assert again is not None
    assert (again.kind, again.again["kind"], again.again["text"]) == ("again", "call", "primer mensaje")
    repeated = await chat.send(again, "primer mensaje")
    await chat.report(repeated.sends[0], "undelivered", 6, error_code="63016", outside=True)
    assert await due(chat) == []
    assert (await chat.journal.begin_again(0, PHONE)).turn is None
    assert len(await chat.events("failed")) == 2


async def test_a_repetition_waits_for_the_turn_under_way(chat: Chat) -> None:
    begun = await chat.begin_call()
    assert begun.turn is not None
    sent = await chat.send(begun.turn, "primer mensaje")
    turn = (await chat.write("hola")).turn
    assert turn is not None
    await chat.report(sent.sends[0], "undelivered", 6, error_code="63016", outside=True)
    assert await due(chat) == []
    assert (await chat.journal.begin_again(0, PHONE)).state == "held"
    await chat.send(turn, "hola")
    assert await due(chat) == [PHONE]


async def test_a_call_that_begins_nothing_is_remembered_and_told(chat: Chat) -> None:
    begun = await chat.journal.begin_call(0, call("c1"), None, starts=False)
    assert begun.state == "skipped"
    assert (await chat.begin_call("c1")).state == "done"
    outcome = await chat.pool.fetchrow(load("gateway").call_outcomes, ["c1"])
    assert (outcome["state"], outcome["conversation_id"], outcome["sid"]) == ("done", None, None)
    assert await chat.events() == []


async def test_a_campaign_is_paced_and_what_waits_is_kept(chat: Chat) -> None:
    states = []
    for place in range(3):
        number = f"+57313853900{place}"
        begun = await chat.journal.begin_call(0, call(f"c{place}", number, batch_id="b"), None, pace_seconds=60.0)
        states.append(begun.state)
    assert states == ["begun", "held", "held"]
    waits = await chat.pool.fetch(
        "SELECT extract(epoch FROM due_at - clock_timestamp()::timestamp) FROM conversation_turn ORDER BY id"
    )
    assert [round(row[0] / 60) if row[0] else None for row in waits] == [None, 1, 2]
    other = await chat.journal.begin_call(0, call("c9", "+573138539009", batch_id="other"), None, pace_seconds=60.0)
    assert other.state == "begun"


async def test_a_client_who_writes_is_answered_although_the_campaign_is_paced(chat: Chat) -> None:
    await chat.journal.begin_call(0, call("c0", "+573138539000", batch_id="b"), None, pace_seconds=3600.0)
    begun = await chat.journal.begin_call(0, call("c1", batch_id="b"), None, pace_seconds=3600.0)
    assert begun.state == "held"
    assert await due(chat) == []
    opened = await chat.write("hola")
    assert opened.turn is not None
    assert (opened.state, opened.turn.kind) == ("open", "call")
    await chat.send(opened.turn, "primer mensaje")
    turn = (await chat.write("hola")).turn
    assert turn is not None
    assert turn.kind == "reply"


async def test_a_first_message_waits_for_the_morning(chat: Chat) -> None:
    begun = await chat.begin_call()
    assert begun.turn is not None
    await chat.journal.spare(begun.turn, 7 * 3600.0)
    assert await due(chat) == []
    row = await chat.pool.fetchrow("SELECT due_at - clock_timestamp()::timestamp AS wait, rule FROM conversation_turn")
    assert round(row["wait"].total_seconds()) == 7 * 3600
    assert row["rule"] == {"waits": "quiet"}
    opened = await chat.write("hola")  # whoever writes is awake
    assert opened.state == "open"


async def test_a_vendors_hold_is_not_released_by_a_message(chat: Chat) -> None:
    begun = await chat.begin_call()
    assert begun.turn is not None
    await chat.journal.hold(begun.turn, 0.0)
    assert (await chat.write("hola")).state == "held"


async def test_a_template_is_kept_as_twilio_filled_it_in(chat: Chat) -> None:
    begun = await chat.begin_call()
    assert begun.turn is not None
    turn = await chat.answer(begun.turn, "texto")
    await chat.journal.accept(turn, turn.sends[0], "SM1", None, "Hola Luz, texto de la plantilla")
    [event] = await chat.events("sent")
    assert event["data"]["content"] == "Hola Luz, texto de la plantilla"
