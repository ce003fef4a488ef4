"""Tables made again from logs that are not whole: erased, cut off, unreadable, or of the first version."""

import json
from dataclasses import replace
from pathlib import Path

from db.pool import Pool
from db.rebuild import Target, connect
from schemas.documents import now
from schemas.phone import number_digest
from streams.journal.journal import Journal
from streams.replay.reader import Record
from tests.support.life import play
from tests.support.rebuild import ERASED, PHONES, log_of, rebuilt
from tests.support.servers import Databases


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
