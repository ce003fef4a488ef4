"""What people and the rules decided, and what came back, is in the log and rebuilt from it."""

from datetime import timedelta
from typing import Any

import pytest

from db.pool import Pool, create_pool
from rules import inputs as i
from rules.decide import decide
from schemas.settings import load_settings
from streams.actors.store import load_actors
from tests.support.chat import policy_of
from tests.support.full_life import is_called
from tests.support.rebuild import PHONES, beside, made_anew, rows_of
from tests.support.servers import Databases
from tests.support.told_chat import ToldChat, World, world

TEXTS: dict[str, Any] = {"opt_out_text": "Adiós", "opt_in_text": "Hola", "handoff_text": "Te paso"}


@pytest.fixture
async def lived(pool: Pool) -> World:
    return await world(pool, policy_of(**TEXTS, backend_events="escalated,closed,opted_out"))


@pytest.fixture
def chat(lived: World) -> ToldChat:
    """A conversation whose first message is sent."""
    chat = lived.chat(PHONES[0])
    is_called(chat, "c1")
    return chat


@pytest.fixture
async def other(databases: Databases, migrated: str) -> str:
    """An empty database."""
    return (await databases.create(migrated))[1]


async def differing(url: str, lived: World) -> list[tuple[str, object]]:
    await lived.save()
    found = await beside(url, lived.topic.records, 3)
    return [(table.table, example) for table in found for example in table.examples]


async def test_operators_commands_are_remembered_with_their_outcomes(
    lived: World, chat: ToldChat, pool: Pool, database_url: str, other: str
) -> None:
    chat.command("escalate", command_id="k1", reason="porque sí")
    chat.command("escalate", command_id="k2")  # its aim is reached
    chat.command("write", command_id="k3", text="Soy Ana")  # refused: outside the window
    chat.command("write", command_id="k4", content_sid="HX" + "a" * 32)
    chat.accept()
    chat.command("resume", command_id="k5")
    chat.command("change_agent", command_id="k6", agent_id="other")
    chat.command("close", command_id="k7")
    assert await differing(database_url, lived) == []
    await made_anew(other, lived.topic.records, 1000, lived.policy)
    made = await create_pool(load_settings({}, database_url=other))
    try:
        outcomes = "SELECT event_id, outcome FROM conversation_seen WHERE kind = 'command' ORDER BY event_id"
        assert [tuple(row) for row in await made.fetch(outcomes)] == [
            tuple(row) for row in await pool.fetch(outcomes)
        ]
        states = {row["event_id"]: row["outcome"]["state"] for row in await made.fetch(outcomes)}
        assert states == {f"k{n}": "refused" if n == 3 else "done" for n in range(1, 8)}
        unpublished = (
            "SELECT count(*) FROM conversation_log l JOIN conversation_publication p USING (partition)"
            " WHERE l.sequence > p.sequence"
        )
        assert await made.fetchval(unpublished) == 0
        actor = (await load_actors(made, [PHONES[0]]))[PHONES[0]]
        assert actor.state == chat.state, "whatever comes next is decided as it would have been"
    finally:
        await made.close()


async def test_what_the_rules_decided_is_made_again(
    lived: World, chat: ToldChat, database_url: str, pool: Pool
) -> None:
    chat.write("asesor", "m1")
    chat.accept()
    chat.write("¿hola?", "m2")  # a person speaks now
    chat.write("STOP", "m3")
    chat.accept()
    chat.write("¿sigue ahí?", "m4")
    assert await differing(database_url, lived) == []
    assert await pool.fetchval("SELECT count(*) FROM conversation_suppression") == 1
    assert await pool.fetchval("SELECT count(*) FROM conversation_backend_posts") == 2


async def test_what_came_back_is_made_again(lived: World, chat: ToldChat, database_url: str) -> None:
    chat.write("¿precio?")
    chat.answer("uno\n\ndos\n\ntres")
    chat.accept()
    chat.fails(chat.sent_ids()[-2], "slow", "63018")
    assert chat.state.came_back
    assert await differing(database_url, lived) == []
    chat.passes(hours=1)
    chat.accept()
    chat.fails(chat.sent_ids()[-1], "slow", "63018")
    assert await differing(database_url, lived) == []


async def test_what_waits_is_made_again(lived: World, chat: ToldChat, database_url: str) -> None:
    """Put off, unknown, behind each other: a new owner goes on as the former one would have."""
    chat.write("¿precio?", "m1")
    chat.give(i.AgentFailed(question=("m1",), retryable=True, why="503", retry_after=60.0))
    assert await differing(database_url, lived) == []
    chat.passes(minutes=2)
    chat.answer("uno\n\ndos")
    chat.give(i.SendUnknown(own_id=chat.sends()[0].part.own_id, why="reset"))
    chat.call("c9", recipient={"phone_number": PHONES[0], "conversation_id": "c9", "status": "completed"})
    chat.command("write", text="Soy Ana")
    assert await differing(database_url, lived) == []
    [parked] = [lived.chat(PHONES[1])]
    parked.write("¿quién es?", "m8")
    assert await differing(database_url, lived) == []


async def test_where_a_file_is_survives(lived: World, chat: ToldChat, pool: Pool, other: str) -> None:
    files = {
        "NumMedia": "1",
        "MediaUrl0": "https://api.twilio.com/x",
        "MediaContentType0": "image/jpeg",
        "ProfileName": "Ana",
    }
    chat.write("una foto", "m1", params=files)
    chat.write("hola", "m2")
    await lived.save()
    await made_anew(other, lived.topic.records, 1000, lived.policy)
    made = await create_pool(load_settings({}, database_url=other))
    try:
        kept = (
            "SELECT twilio_message_id, metadata->'params' FROM conversation_messages"
            " WHERE direction = 'inbound'"
        )
        assert {row[0]: row[1] for row in await made.fetch(kept)} == {"m1": files, "m2": None}
    finally:
        await made.close()


async def test_after_a_rebuild_the_same_is_decided(
    lived: World, chat: ToldChat, pool: Pool, other: str
) -> None:
    """What comes next meets a state that is the former one, in a database that has the same rows."""
    chat.exchange()
    await lived.save()
    await made_anew(other, lived.topic.records, 5, lived.policy)
    made = await create_pool(load_settings({}, database_url=other))
    try:
        state = (await load_actors(made, [PHONES[0]]))[PHONES[0]].state
        later = chat.now + timedelta(hours=80)
        fired = decide(state, i.TimerFired(), later, lived.policy, lived.ids)
        assert fired.events == decide(chat.state, i.TimerFired(), later, lived.policy, lived.ids).events
        assert [type(each.event).__name__ for each in fired.events] == ["StatusChanged"]
        assert await rows_of(made) == await rows_of(pool)
    finally:
        await made.close()
