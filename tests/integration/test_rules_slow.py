"""A number that got too many messages (63018): what came back goes out once more, in its order, on a real Postgres."""

import pytest

from db.pool import Pool
from db.queries import load
from streams.journal.journal import SentBehind
from streams.journal.turn import Send, Turn
from tests.support.journal import PHONE, Chat, chat_on


@pytest.fixture
async def chat(pool: Pool) -> Chat:
    chat = await chat_on(pool)
    await chat.called()
    return chat


async def came_back(chat: Chat, send: Send) -> None:
    await chat.report(send, "failed", 6, error_code="63018", failed=True, passing=True, sid=f"SM{send.own_id}")


async def answered(chat: Chat, question: str, *texts: str) -> Turn:
    turn = (await chat.write(question)).turn
    assert turn is not None
    return await chat.send(turn, *texts)


async def due(chat: Chat) -> list[str]:
    rows = await chat.pool.fetch(load("journal").due, [0], 300.0, 600.0, 10.0, 10)
    return [row["phone_number"] for row in rows]


async def next_again(chat: Chat) -> Turn:
    """Take up what waits for its time, as if that had come."""
    await chat.journal.begin_again(0, PHONE)
    await chat.pool.execute("UPDATE conversation_turn SET due_at = now() WHERE state = 'begun'")
    begun = await chat.journal.begin_reply(0, PHONE, [], None)
    assert begun.turn is not None, begun
    assert begun.turn.kind == "again"
    return begun.turn


def said(turn: Turn) -> list[str]:
    return [part["body"] for part in turn.again["parts"]]


async def seconds_until_due(chat: Chat) -> int:
    found: float = await chat.pool.fetchval(
        "SELECT extract(epoch FROM due_at - clock_timestamp()::timestamp)::float FROM conversation_turn"
        " WHERE state = 'begun'"
    )
    return round(found)


async def test_what_came_back_goes_out_once_more_and_the_number_waits_for_it(chat: Chat) -> None:
    turn = await answered(chat, "hola", "uno", "dos", "tres")
    for send in turn.sends[1:]:
        await came_back(chat, send)
        await came_back(chat, send)  # a report may be repeated
    assert await due(chat) == [PHONE]
    assert (await chat.write("¿sigues ahí?")).state == "held"
    assert await seconds_until_due(chat) == 12
    again = await next_again(chat)
    assert said(again) == ["dos", "tres"]
    await chat.send(again, *said(again))
    following = await chat.write()
    assert following.turn is not None
    assert [member.payload["text"] for member in following.turn.members] == ["¿sigues ahí?"]
    assert chat.sent == ["primer mensaje", "uno", "dos", "tres", "dos", "tres"]
    failed = await chat.events("failed")
    assert [event["data"]["again"] for event in failed] == [True, True]


async def test_it_waits_longer_each_time_and_not_after_a_day(chat: Chat) -> None:
    turn = await answered(chat, "hola", "uno")
    waits = []
    for _ in range(10):
        await came_back(chat, turn.sends[0])
        assert (await chat.write("¿?")).state == "held"
        waits.append(await seconds_until_due(chat))
        again = await next_again(chat)
        assert said(again) == ["uno"]
        turn = await chat.send(again, "uno")
    assert waits == [12, 24, 48, 96, 192, 384, 768, 1536, 3072, 3600]
    await chat.pool.execute("""UPDATE conversation_turn SET
      rule = jsonb_set(rule, '{again,since}', to_jsonb((now() - interval '25 hours')::text)) WHERE kind = 'again'""")
    await came_back(chat, turn.sends[0])
    assert await due(chat) == []
    following = await chat.write()
    assert following.turn is not None
    assert following.turn.kind == "reply"
    assert (await chat.events("failed"))[-1]["data"]["again"] is False


async def test_parts_that_come_back_apart_go_out_in_their_order(chat: Chat) -> None:
    turn = await answered(chat, "hola", "uno", "dos", "tres")
    await came_back(chat, turn.sends[1])
    again = await next_again(chat)
    await came_back(chat, turn.sends[2])  # while the second is on its way
    repeated = await chat.send(again, *said(again))
    await came_back(chat, repeated.sends[0])
    last = await next_again(chat)
    assert said(last) == ["dos", "tres"]


async def test_an_earlier_turn_goes_before_a_later_one(chat: Chat) -> None:
    first, second = await answered(chat, "a", "uno"), await answered(chat, "b", "dos")
    await came_back(chat, second.sends[0])
    await came_back(chat, first.sends[0])
    for expected in (["uno"], ["dos"]):
        again = await next_again(chat)
        assert said(again) == expected
        await chat.send(again, *expected)


async def test_the_rest_of_a_turn_waits_behind_the_part_that_came_back(chat: Chat) -> None:
    turn = (await chat.write("hola")).turn
    assert turn is not None
    turn = await chat.answer(turn, "uno", "dos", "tres")
    await chat.journal.accept(turn, turn.sends[0], "SM1", None)
    await came_back(chat, turn.sends[0])
    with pytest.raises(SentBehind):
        await chat.journal.intend(turn, turn.sends[1])
    again = await next_again(chat)
    assert said(again) == ["uno", "dos", "tres"]


async def test_an_answer_made_meanwhile_waits_behind_what_came_back(chat: Chat) -> None:
    before = await answered(chat, "a", "uno")
    turn = (await chat.write("b")).turn
    assert turn is not None
    await came_back(chat, before.sends[0])
    turn = await chat.answer(turn, "dos")
    assert turn.sends[0].state == "planned"
    with pytest.raises(SentBehind):
        await chat.journal.intend(turn, turn.sends[0])
    for expected in (["uno"], ["dos"]):
        again = await next_again(chat)
        assert said(again) == expected
        await chat.send(again, *expected)


async def test_a_call_waits_behind_what_came_back(chat: Chat) -> None:
    turn = await answered(chat, "a", "uno")
    await came_back(chat, turn.sends[0])
    assert (await chat.begin_call("c2")).state == "held"
    again = await next_again(chat)
    await chat.send(again, "uno")
    begun = await chat.write()
    assert (begun.state, begun.call and begun.call.event_id) == ("call", "c2")


async def test_what_was_delivered_after_all_is_not_said_twice(chat: Chat) -> None:
    turn = await answered(chat, "a", "uno")
    await chat.report(turn.sends[0], "delivered", 4, delivered=True)
    await came_back(chat, turn.sends[0])
    assert await due(chat) == []


async def test_a_template_goes_out_as_the_template_that_it_was(chat: Chat) -> None:
    begun = await chat.begin_call("c2")
    assert begun.turn is not None
    content = {"content_sid": "HX1", "content_variables": {"1": "Ana"}}
    planned = Send(
        own_id="00000000-0000-4000-8000-000000000009", to_address=begun.turn.address, body="hola", content=content
    )
    turn = await chat.journal.answer(begun.turn, {}, [planned], text="hola", seconds=0.0)
    await chat.journal.accept(turn, turn.sends[0], "SM9", None)
    await came_back(chat, turn.sends[0])
    assert (await next_again(chat)).again["parts"][0]["content"] == content
