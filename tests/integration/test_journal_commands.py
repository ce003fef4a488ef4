"""Operators' commands on a real Postgres: their order with a number's messages, and what each changes."""

from typing import Any

import pytest

from db.pool import Pool
from schemas.documents import now
from schemas.errors import Fenced
from schemas.events import ConversationCommand
from streams.journal.journal import Begun
from streams.journal.ownership import Ownership
from tests.support.journal import PHONE, Chat, ago, chat_on


@pytest.fixture
async def chat(pool: Pool) -> Chat:
    chat = await chat_on(pool)
    await chat.called()
    return chat


async def tell(chat: Chat, name: str, command_id: str = "k1", *, sure: bool = False, **over: object) -> Begun:
    body = {"command": name, "command_id": command_id, "phone_number": PHONE, "by": "Ana", "at": now(), **over}
    command = ConversationCommand.from_object(body)
    return await chat.journal.begin_command(0, command, None, has_template=command.content_sid is not None, sure=sure)


async def outcome(chat: Chat, command_id: str = "k1") -> dict[str, Any]:
    found: dict[str, Any] = await chat.pool.fetchval(
        "SELECT outcome FROM conversation_input WHERE kind = 'command' AND event_id = $1", command_id
    )
    return found


async def release(chat: Chat) -> None:
    await chat.pool.execute("UPDATE conversation_turn SET due_at = now() WHERE due_at IS NOT NULL")


async def test_each_command_says_who_did_it_and_is_done_once(chat: Chat) -> None:
    for place, (name, status) in enumerate([("escalate", "escalated"), ("resume", "active"), ("close", "closed")]):
        assert (await tell(chat, name, f"k{place}", reason="porque sí")).state == "done"
        assert (await tell(chat, name, f"k{place}")).state == "done"
        assert await chat.status() == status
    told = await chat.events("escalated", "resumed", "closed")
    assert [event["type"] for event in told] == ["escalated", "resumed", "closed"]
    assert {(event["data"]["operator"], event["data"]["reason"]) for event in told} == {("Ana", "porque sí")}
    assert (await tell(chat, "close", "k9")).state == "done"
    assert await outcome(chat, "k9") == {"state": "done", "changed": False}


async def test_another_agent_answers_from_then_on_until_a_new_call(chat: Chat) -> None:
    await tell(chat, "change_agent", agent_id="other")
    begun = await chat.write("hola")
    assert begun.turn is not None
    assert (begun.turn.agent_id, begun.turn.agent_changed) == ("other", True)
    assert (await chat.events("agent_changed"))[0]["data"]["before"] == "agent"
    await chat.send(begun.turn, "buenas")
    again = await chat.begin_call("c2")
    assert again.turn is not None
    assert (again.turn.agent_id, again.turn.agent_changed) == ("agent", False)


async def test_writing_is_a_turn_with_the_operators_name(chat: Chat) -> None:
    first = (await chat.write("hola")).turn
    assert first is not None
    assert (await tell(chat, "write", text="Soy Ana")).state == "open"
    await chat.send(first, "buenas")
    begun = await tell(chat, "write", text="Soy Ana")
    assert begun.turn is not None
    assert (begun.state, begun.turn.kind, begun.turn.written["text"]) == ("begun", "write", "Soy Ana")
    await chat.send(begun.turn, "Soy Ana")
    assert (await tell(chat, "write", text="Soy Ana")).state == "done"
    by = "SELECT metadata->>'operator' FROM conversation_messages WHERE content = 'Soy Ana'"
    assert await chat.pool.fetchval(by) == "Ana"
    assert [event["data"]["kind"] for event in await chat.events("sent")] == ["first", "reply", "operator"]


async def test_behind_a_held_turn_writing_waits_in_its_order(chat: Chat) -> None:
    held = (await chat.write("uno")).turn
    assert held is not None
    await chat.journal.hold(held, 0.0)
    assert (await tell(chat, "write", text="Soy Ana")).state == "held"
    assert (await tell(chat, "write", text="Soy Ana")).state == "done"  # delivered again: it is waiting
    assert (await chat.write("dos")).state == "held"
    await release(chat)
    assert (await chat.write()).state == "open"
    await chat.send(held, "buenas")
    waiting = await chat.write()
    assert waiting.command is not None
    assert (waiting.state, waiting.command.command_id) == ("command", "k1")
    begun = await tell(chat, "write", text="Soy Ana", sure=True)
    assert begun.turn is not None
    await chat.send(begun.turn, "Soy Ana")
    last = (await chat.write()).turn
    assert last is not None
    assert [member.payload["text"] for member in last.members] == ["dos"]


async def test_who_takes_over_ends_an_answer_that_the_agent_has_not_given(chat: Chat) -> None:
    held = (await chat.write("uno")).turn
    assert held is not None
    await chat.journal.hold(held, 0.0)
    assert (await tell(chat, "escalate")).state == "done"
    begun = await tell(chat, "write", "k2", text="Soy Ana")
    assert begun.state == "begun"
    assert begun.turn is not None
    await chat.send(begun.turn, "Soy Ana")
    assert (await chat.write("dos")).state == "silent"
    assert chat.sent == ["primer mensaje", "Soy Ana"]


async def test_what_cannot_be_done_is_refused_with_why_and_stays_refused(chat: Chat) -> None:
    assert (await tell(chat, "write", text="hola")).state == "refused"
    assert (await outcome(chat))["error"] == "Outside the 24-hour window"
    silent = (await chat.write("hola", at=ago(hours=24))).turn
    assert silent is not None
    await chat.send(silent, "buenas")
    assert (await tell(chat, "write", "k2", text="hola")).state == "refused"
    template = await tell(chat, "write", "k3", content_sid="HX" + "a" * 32)
    assert template.turn is not None
    await chat.send(template.turn, "")
    assert (await tell(chat, "write", text="hola")).state == "done"
    await tell(chat, "close", "k4")
    for name, needs in (("escalate", {}), ("write", {"text": "a"}), ("change_agent", {"agent_id": "a"})):
        assert (await tell(chat, name, f"closed-{name}", **needs)).state == "refused"
        assert (await outcome(chat, f"closed-{name}"))["details"] == "resume it first"


async def test_a_number_that_wants_no_messages_is_not_written_to(chat: Chat) -> None:
    begun = await chat.write("BAJA")
    assert begun.turn is not None
    await chat.send(begun.turn, "adiós")
    assert (await tell(chat, "write", text="hola")).state == "refused"
    assert (await outcome(chat))["error"] == "The number has opted out"


async def test_an_unknown_number_is_refused_only_when_its_call_cannot_come_first(pool: Pool) -> None:
    chat = await chat_on(pool)
    assert (await tell(chat, "close")).state == "unknown"
    assert (await tell(chat, "close", sure=True)).state == "refused"
    assert (await outcome(chat))["status"] == 404


async def test_a_former_owner_does_nothing(chat: Chat, pool: Pool) -> None:
    await Ownership(pool, "other").claim({0})
    with pytest.raises(Fenced):
        await tell(chat, "close")
    assert await chat.status() == "active"


async def newest_command(chat: Chat) -> int:
    sql = "SELECT coalesce(max(position), 0) FROM conversation_input WHERE kind = 'command'"
    found: int = await chat.pool.fetchval(sql)
    return found


async def test_what_another_operator_did_meanwhile_refuses_a_command_that_did_not_see_it(chat: Chat) -> None:
    seen = await newest_command(chat)
    await tell(chat, "escalate", "ana", by="Ana", seen=seen)
    assert (await tell(chat, "close", "luis", by="Luis", seen=seen)).state == "refused"
    refused = await outcome(chat, "luis")
    assert (refused["status"], refused["operator"]) == (409, "Ana")
    assert await chat.status() == "escalated"
    # One who has looked, the same person again, and one who tells nothing of what they saw are not held up.
    assert (await tell(chat, "close", "luis again", by="Luis", seen=await newest_command(chat))).state == "done"
    assert (await tell(chat, "resume", "luis once more", by="Luis", seen=seen)).state == "refused"
    assert (await tell(chat, "resume", "a program", by="Luis")).state == "done"


async def test_a_command_that_did_nothing_overtakes_nobody(chat: Chat) -> None:
    seen = await newest_command(chat)
    await tell(chat, "resume", "changed nothing", by="Ana")
    await tell(chat, "write", "refused", by="Ana", text="hola")  # the client has never written
    assert (await tell(chat, "close", "luis", by="Luis", seen=seen)).state == "done"


async def test_what_was_written_before_is_not_overtaken_by_what_came_behind_it(chat: Chat) -> None:
    held = (await chat.write("uno")).turn
    assert held is not None
    await chat.journal.hold(held, 60.0)
    seen = await newest_command(chat)
    assert (await tell(chat, "write", "ana", by="Ana", text="Soy Ana", seen=seen)).state == "held"
    await tell(chat, "change_agent", "luis", by="Luis", agent_id="other")
    await release(chat)
    await chat.send(held, "buenas")
    assert (await tell(chat, "write", "ana", by="Ana", text="Soy Ana", seen=seen)).state == "begun"
