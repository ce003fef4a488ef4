"""Tables made again from the events of a real journal: row for row where rows are determined."""

import pytest

from db.pool import Pool, create_pool
from db.rebuild import Target, connect
from schemas.settings import load_settings
from streams.journal.journal import Journal
from tests.support.life import play
from tests.support.rebuild import PHONES, beside, inbound_log, log_of, rebuilt
from tests.support.servers import Databases


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
