"""Tables made again from the events of a real journal: row for row where rows are determined."""

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db.pool import Pool, create_pool
from db.rebuild import Target, connect
from schemas.documents import now
from schemas.events import CallCompleted, ConversationCommand
from schemas.phone import number_digest
from schemas.settings import load_settings
from streams.conversation.keywords import Keywords
from streams.journal.journal import Journal, SentBehind
from streams.journal.ownership import Ownership
from streams.journal.steps import Steps
from streams.journal.turn import Send, Turn
from streams.replay.reader import Record
from streams.replay.rebuild import Rebuild, Rebuilt
from tests.support.servers import Databases

PHONES = ("+573138530001", "+573138530002")
ERASED = "+573138530009"


@pytest.fixture
async def journal(pool: Pool) -> Journal:
    ownership = Ownership(pool, "test")
    await ownership.claim({0})
    return Journal(pool, Steps(pool), ownership)


def call(conversation: str, phone: str) -> CallCompleted:
    recipient = {"phone_number": phone, "conversation_id": conversation, "id": "rcpt_1"}
    metadata = {"client_name": "Ana García", "group_id": 5}
    return CallCompleted.from_object(
        {"agent_id": "agent", "recipient": recipient, "batch_id": "b", "call_metadata": metadata, "extra": {"a": [1]}}
    )


def message(sid: str, phone: str) -> dict[str, Any]:
    params = {"From": f"whatsapp:{phone}", "Body": f"texto {sid}"}
    return {"event_id": sid, "address": f"whatsapp:{phone}", "received_at": now(), "text": f"texto {sid}",
            "request_id": f"r-{sid}", "backfilled": False, "params": params}  # fmt: skip


async def answer(journal: Journal, turn: Turn, parts: int, **columns: object) -> Turn:
    sends = [Send(own_id=str(uuid.uuid4()), to_address=turn.address, body=f"parte {n}") for n in range(parts)]
    return await journal.answer(turn, {"text": "hola", "raw": {"n": parts}}, sends, text="hola", seconds=0.5, **columns)


async def accept(journal: Journal, turn: Turn, first: int = 0, last: int | None = None) -> None:
    for send in turn.sends[first:last]:
        await journal.accept(turn, send, f"SM{send.own_id}", None)


def report(turn: Turn, place: int, status: str, rank: int, **over: object) -> dict[str, Any]:
    own = turn.sends[place].own_id
    return {"own_id": own, "sid": f"SM{own}", "status": status, "rank": rank, "delivered": rank in (4, 5),
            "read": rank == 5, "failed": False, "error_code": None, "reason": None, **over}  # fmt: skip


async def play(journal: Journal, phone: str) -> None:
    """One number's life: two calls, bursts, parts, reports in odd orders, a refusal, an apology, an open turn."""
    first = (await journal.begin_call(0, call(f"c1{phone}", phone), "r1")).turn
    assert first is not None
    details = {"summary": "Quiere el plan", "transcript": [["user", "hola"]], "dynamic_variables": {}}
    first = await answer(journal, first, 1, summary="Quiere el plan", duration_secs=61, details=details)
    await journal.report(report(first, 0, "delivered", 4))  # before its create call has returned
    await accept(journal, first)
    burst = [message(f"m1{phone}", phone), message(f"m2{phone}", phone)]
    second = (await journal.begin_reply(0, phone, burst, "r2")).turn
    assert second is not None
    second = await answer(journal, second, 3)
    await accept(journal, second)
    await journal.report(report(second, 1, "read", 5))
    await journal.report(report(second, 1, "sent", 3))
    await journal.report(report(second, 2, "undelivered", 6, failed=True, error_code="63016", reason="window"))
    third = (await journal.begin_reply(0, phone, [message(f"m3{phone}", phone)], "r3")).turn
    assert third is not None
    third = await answer(journal, third, 2)
    await accept(journal, third, 0, 1)
    await journal.fail(third, code="63003", reason="no", error={"status": 422}, suppress=False)
    again = (await journal.begin_call(0, call(f"c2{phone}", phone), "r4")).turn
    assert again is not None
    await accept(journal, await answer(journal, again, 1))
    sorry = (await journal.begin_reply(0, phone, [message(f"m4{phone}", phone)], "r5")).turn
    assert sorry is not None
    problem = {"what": "agent", "code": None, "reason": "silence"}
    await accept(journal, await answer(journal, sorry, 1, problem=problem))
    held = (await journal.begin_reply(0, phone, [message(f"m7{phone}", phone)], "r8")).turn
    assert held is not None
    held = await answer(journal, held, 2)
    await journal.fail(held, code=None, reason="unknown", error={"status": 422}, suppress=False, send_state="held")
    await journal.report(report(held, 0, "delivered", 4))  # it was sent after all, and the turn goes on
    await accept(journal, held, 1)
    silent = (await journal.begin_reply(0, phone, [message(f"m5{phone}", phone)], "r6")).turn
    assert silent is not None
    await answer(journal, silent, 0)
    revived = (await journal.revive(0, phone, "message", f"m4{phone}", "rp1")).turn
    assert revived is not None
    revived = await answer(journal, revived, 1)
    await journal.fail(revived, code="63003", reason="no", error={"status": 422}, suppress=False)
    still_open = (await journal.begin_reply(0, phone, [message(f"m6{phone}", phone)], "r7")).turn
    assert still_open is not None


async def log_of(pool: Pool) -> list[Record]:
    """What the outbox would have brought to Kafka."""
    rows = await pool.fetch("SELECT payload FROM conversation_outbox ORDER BY conversation_id, number")
    values = [json.dumps(row["payload"]).encode() for row in rows]
    return [Record("conversation-event", 0, n, b"", value, now()) for n, value in enumerate(values)]


async def inbound_log(pool: Pool) -> list[Record]:
    """The clients' own events, as web published them."""
    rows = await pool.fetch("SELECT payload FROM conversation_input WHERE kind = 'message' ORDER BY position")
    names = ("event_id", "received_at", "params", "request_id")
    values = [json.dumps({name: row["payload"][name] for name in names}).encode() for row in rows]
    return [Record("inbound-message", 0, n, b"", value, now()) for n, value in enumerate(values)]


async def batches(records: Sequence[Record], size: int) -> AsyncIterator[Sequence[Record]]:
    for place in range(0, len(records), size):
        yield records[place : place + size]


async def rebuilt(target: Target, events: Sequence[Record], inputs: Sequence[Record], size: int) -> Rebuilt:
    rebuild = Rebuild(target, Keywords({}), lambda phone, at: phone == ERASED)
    await rebuild.events(batches(events, size), lambda count: None)
    await rebuild.inputs(batches(inputs, size), lambda count: None)
    return rebuild.result


async def beside(url: str, events: Sequence[Record], inputs: Sequence[Record], size: int = 1000) -> list[dict[str, Any]]:
    connection = await connect(url)
    try:
        target = Target(connection)
        await target.open(beside=True)
        await rebuilt(target, events, inputs, size)
        return await target.differences(5)
    finally:
        await connection.close()


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_every_row_is_made_again(journal: Journal, pool: Pool, database_url: str, size: int) -> None:
    for phone in PHONES:
        await play(journal, phone)
    found = await beside(database_url, await log_of(pool), await inbound_log(pool), size)
    assert [example for table in found for example in table["examples"]] == []
    assert {table["table"]: table["equal"] for table in found} == {
        "conversation_state": 2, "conversation_turn": 18, "conversation_input": 20, "conversation_send": 22,
        "conversation_messages": 32, "conversation_history": 18, "conversation_suppression": 0,
    }  # fmt: skip


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


async def test_a_difference_is_reported_with_its_columns(journal: Journal, pool: Pool, database_url: str) -> None:
    for phone in PHONES:
        await play(journal, phone)
    log, inputs = await log_of(pool), await inbound_log(pool)
    await pool.execute("UPDATE conversation_messages SET content = 'otra cosa' WHERE id = 3")
    await pool.execute("DELETE FROM conversation_messages WHERE id = 4")
    found = {table["table"]: table for table in await beside(database_url, log, inputs)}
    messages = found["conversation_messages"]
    assert (messages["differing"], messages["only_in_log"], messages["only_in_database"]) == (1, 1, 0)
    assert {"key": [3], "only_in": None, "columns": ["content"]} in messages["examples"]


async def test_an_older_backup_is_caught_up(
    journal: Journal, pool: Pool, database_url: str, databases: Databases, migrated: str
) -> None:
    """The backup is what the log's first part makes; catching up with the whole log gives the whole, and twice the same."""
    for phone in PHONES:
        await play(journal, phone)
    log, inputs = await log_of(pool), await inbound_log(pool)
    other = (await databases.create(migrated))[1]
    for part in (log[: len(log) // 2], log, log):
        connection = await connect(other)
        target = Target(connection)
        await target.open(beside=False)
        result = await rebuilt(target, part, inputs, 7)
        await target.finish(result.numbers, result.erasures)
        await connection.close()
    assert result.known == result.events
    for table in ("conversation_state", "conversation_messages"):
        rows = f"SELECT to_jsonb(t) AS row FROM {table} t ORDER BY id"
        restored = await create_pool(load_settings({}, database_url=other))
        assert [each["row"] for each in await restored.fetch(rows)] == [each["row"] for each in await pool.fetch(rows)]
        assert await restored.fetchval("INSERT INTO conversation_turn (phone_number, partition, kind, state)"
                                       " VALUES ($1, 0, 'reply', 'done') RETURNING id", table) > 14  # fmt: skip
        await restored.close()


async def test_erased_numbers_stay_erased_and_what_cannot_be_read_is_counted(
    journal: Journal, pool: Pool, database_url: str
) -> None:
    await play(journal, ERASED)
    await play(journal, PHONES[0])
    log = await log_of(pool)
    newer = json.loads(log[0].value or b"") | {"schema_version": 99}
    bad = [replace(log[0], value=json.dumps(newer).encode()), replace(log[0], value=b"{"), replace(log[0], value=None)]
    connection = await connect(database_url)
    target = Target(connection)
    await target.open(beside=True)
    result = await rebuilt(target, [*bad, *log], [], 1000)
    phones = await connection.fetch("SELECT DISTINCT phone_number FROM conversation_input")
    await connection.close()
    assert [row["phone_number"] for row in phones] == [PHONES[0]]
    assert result.unreadable == {"schema_version": 1, "body": 1}
    assert result.erased == len(log) // 2


async def test_what_the_log_no_longer_has_does_not_stop_the_rest(
    journal: Journal, pool: Pool, database_url: str, databases: Databases, migrated: str
) -> None:
    for phone in PHONES:
        await play(journal, phone)
    log = await log_of(pool)
    connection = await connect((await databases.create(migrated))[1])
    target = Target(connection)
    await target.open(beside=False)
    result = await rebuilt(target, log[10:], [], 1000)
    found = await connection.fetch("SELECT status, agent_id FROM conversation_state ORDER BY id")
    messages = await connection.fetchval("SELECT count(*) FROM conversation_messages")
    await connection.close()
    assert result.without_beginning == {1}
    assert [tuple(row) for row in found] == [("active", "agent"), ("active", "agent")]
    assert messages == 32 - 6


async def test_events_of_the_first_version_bring_back_what_they_have(database_url: str) -> None:
    """They told no ids of rows: conversations, messages and remembered inputs come back, turns do not."""
    recorded = Path(__file__).parent.parent / "unit" / "recorded" / "conversation-event.v1.jsonl"
    lines = recorded.read_text().splitlines()
    records = [Record("conversation-event", 0, n, b"", line.encode(), now()) for n, line in enumerate(lines)]
    connection = await connect(database_url)
    target = Target(connection)
    await target.open(beside=False)
    for _ in range(2):
        result = await rebuilt(target, records, [], 4)
    messages = await connection.fetch("SELECT direction, content FROM conversation_messages ORDER BY id")
    inputs = await connection.fetchval("SELECT count(*) FROM conversation_input WHERE state = 'taken'")
    row = await connection.fetchrow("SELECT client_name, elevenlabs_conversation_id, event_number FROM conversation_state")
    await connection.close()
    assert (result.known, result.unreadable) == (len(lines), {})
    assert [message["direction"] for message in messages] == ["outbound", "inbound", "outbound", "inbound"]
    assert inputs == 3
    assert row is not None
    assert tuple(row) == ("Ana García", "conv_9601k8pjchj6fnvamdmbsvdq5ptv", len(lines))


async def test_an_erasure_in_the_log_is_remembered(
    journal: Journal, pool: Pool, databases: Databases, migrated: str
) -> None:
    for phone in PHONES:
        await play(journal, phone)
    log = await log_of(pool)
    last = json.loads(log[-1].value or b"")
    erased = last | {"type": "erased", "number": last["number"] + 1, "data": {}, "state": {}}
    connection = await connect((await databases.create(migrated))[1])
    target = Target(connection)
    await target.open(beside=False)
    result = await rebuilt(target, [*log, replace(log[-1], value=json.dumps(erased).encode())], [], 7)
    await target.finish(result.numbers, result.erasures)
    left = {row["phone_number"] for row in await connection.fetch("SELECT phone_number FROM conversation_input")}
    digests = [row["number_digest"] for row in await connection.fetch("SELECT number_digest FROM conversation_erasure")]
    await connection.close()
    assert left == {PHONES[0]}
    assert digests == [number_digest(PHONES[1])]
