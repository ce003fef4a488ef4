"""What people and the rules have decided, and what came back, is in the log and made again from it."""

import pytest

from db.pool import Pool, create_pool
from db.rebuild import Target, connect
from schemas.documents import now
from schemas.events import ConversationCommand
from schemas.settings import load_settings
from streams.journal.journal import Journal, SentBehind
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from tests.support.life import accept, answer, call, message, report
from tests.support.rebuild import PHONES, beside, inbound_log, log_of, rebuilt
from tests.support.servers import Databases


def command(name: str, identity: str, **over: object) -> ConversationCommand:
    body = {"command": name, "command_id": identity, "phone_number": PHONES[0], "by": "Ana", "at": now(), **over}
    return ConversationCommand.from_object(body)


async def test_operators_commands_are_remembered_with_their_outcomes(
    journal: Journal, pool: Pool, database_url: str, databases: Databases, migrated: str
) -> None:
    phone = PHONES[0]
    first = (await journal.begin_call(0, call("c1", phone), None)).turn
    assert first is not None
    await accept(journal, await answer(journal, first, 1))
    given = [
        command("escalate", "k1", reason="porque sí"), command("escalate", "k2"),  # its aim is reached
        command("write", "k3", text="Soy Ana"),  # refused: outside the window
        command("write", "k4", content_sid="HX" + "a" * 32), command("resume", "k5"),
        command("change_agent", "k6", agent_id="other"), command("close", "k7"),
    ]  # fmt: skip
    for each in given:
        begun = await journal.begin_command(0, each, None, has_template=each.content_sid is not None, sure=True)
        if begun.turn is not None:
            await accept(journal, await answer(journal, begun.turn, 1))
    found = await beside(database_url, log := await log_of(pool), [])
    assert [example for table in found for example in table["examples"]] == []
    assert {table["table"]: table["equal"] for table in found}["conversation_input"] == 1 + len(given)

    url = (await databases.create(migrated))[1]
    connection = await connect(url)
    target = Target(connection)
    await target.open(beside=False)
    await rebuilt(target, log, [], 1000)
    await connection.close()
    made = await create_pool(load_settings({"DATABASE_URL": url}))
    try:
        ownership = Ownership(made, "test")
        await ownership.claim({0})
        anew = Journal(made, Steps(made), ownership)
        for each in given:  # the topic is delivered again
            assert (await anew.begin_command(0, each, None, has_template=True, sure=True)).state == "done"
        assert await made.fetchval("SELECT count(*) FROM conversation_outbox") == 0
    finally:
        await made.close()


async def test_what_the_rules_decided_is_made_again(journal: Journal, pool: Pool, database_url: str) -> None:
    phone = PHONES[0]
    first = (await journal.begin_call(0, call("c1", phone), None)).turn
    assert first is not None
    await accept(journal, await answer(journal, first, 1))
    asked = await journal.begin_reply(
        0, phone, [message("m1", phone) | {"intent": {"kind": "handoff", "replied": False}}], None
    )
    assert asked.turn is not None
    await accept(journal, await answer(journal, asked.turn, 1))
    assert (await journal.begin_reply(0, phone, [message("m2", phone)], None)).turn is None  # a person speaks now
    stopped = await journal.begin_reply(
        0, phone, [message("m3", phone) | {"intent": {"kind": "stop", "replied": False}}], None
    )
    assert stopped.turn is not None
    await accept(journal, await answer(journal, stopped.turn, 1))
    found = await beside(database_url, await log_of(pool), await inbound_log(pool))
    odd = [(each["table"], example) for each in found for example in each["examples"] if example["columns"] != ["payload"]]
    assert odd == []
    assert found[-1]["equal"] == 1


async def test_what_came_back_is_made_again(journal: Journal, pool: Pool, database_url: str) -> None:
    phone = PHONES[0]
    first = (await journal.begin_call(0, call("c1", phone), None)).turn
    assert first is not None
    first = await answer(journal, first, 3)
    await accept(journal, first, 0, 2)
    too_many = {"failed": True, "passing": True, "error_code": "63018"}
    await journal.report(report(first, 1, "failed", 6, **too_many))
    with pytest.raises(SentBehind):
        await journal.intend(first, first.sends[2])
    assert (await journal.begin_again(0, phone)).state == "held"
    await pool.execute("UPDATE conversation_turn SET due_at = NULL WHERE state = 'begun'")
    again = (await journal.begin_reply(0, phone, [], None)).turn
    assert again is not None
    again = await answer(journal, again, 2)
    await accept(journal, again)
    await journal.report(report(again, 0, "failed", 6, **too_many))
    found = await beside(database_url, await log_of(pool), await inbound_log(pool))
    assert [example for table in found for example in table["examples"]] == []


async def test_where_a_file_is_survives_the_clients_own_event(journal: Journal, pool: Pool, database_url: str) -> None:
    phone = PHONES[0]
    first = (await journal.begin_call(0, call("c1", phone), None)).turn
    assert first is not None
    await accept(journal, await answer(journal, first, 1))
    files = {
        "NumMedia": "1",
        "MediaUrl0": "https://api.twilio.com/x",
        "MediaContentType0": "image/jpeg",
        "ProfileName": "Ana",
    }
    pictured = message("m1", phone)
    pictured["params"] |= files
    assert (await journal.begin_reply(0, phone, [pictured, message("m2", phone)], None)).turn
    connection = await connect(database_url)
    try:
        target = Target(connection)
        await target.open(beside=True)
        await rebuilt(target, await log_of(pool), [], 1000)
        kept = (
            "SELECT event_id, payload->'params' AS params FROM conversation_input WHERE kind = 'message' ORDER BY event_id"
        )
        made = {row["event_id"]: row["params"] for row in await connection.fetch(kept)}
    finally:
        await connection.close()
    assert made == {"m1": pictured["params"], "m2": {}}
