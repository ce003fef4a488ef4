"""The contract's tables may be the backend's own: what it adds, writes or removes survives or is noticed."""

import asyncio
from datetime import datetime
from typing import Any

from db.pool import Pool
from db.store.append import append
from db.store.load import load, load_conversations
from db.store.write import Conflict, Written
from schemas.rows import ConversationChange
from tests.support.deadline import eventually
from tests.support.person import AT, Person

_MADE = (
    "INSERT INTO conversation_state (phone_number, elevenlabs_conversation_id, agent_id, client_name) "
    "VALUES ($1, 'conv_backend', 'agent_backend', 'Ana') RETURNING id"
)
_OWN_TYPE = "CREATE DOMAIN stage AS text NOT NULL DEFAULT 'lead' CHECK (VALUE <> '')"


async def row(pool: Pool) -> dict[str, Any]:
    [found] = await pool.fetch("SELECT * FROM conversation_state")
    return dict(found)


async def test_columns_of_its_own_survive(pool: Pool, ana: Person) -> None:
    await pool.execute(_OWN_TYPE)
    await pool.execute("ALTER TABLE conversation_state ADD COLUMN crm_stage stage, ADD COLUMN crm jsonb")
    await ana.append(pool, ana.begins())
    theirs = """crm_stage = 'won', crm = '{"deal": 7}', metadata = '{"theirs": 1}'"""
    await pool.execute(f"UPDATE conversation_state SET {theirs}")
    change = ConversationChange(
        id=1, phone_number=ana.phone, columns={"status": "closed"}, metadata={"ours": 2}, messages=1
    )
    await ana.append(pool, change)
    found = await row(pool)
    assert (found["crm_stage"], found["crm"], found["metadata"]) == (
        "won",
        {"deal": 7},
        {"theirs": 1, "ours": 2},
    )
    assert (found["status"], found["message_count"]) == ("closed", 1)


async def test_what_it_writes_at_the_same_moment_survives(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins())
    async with pool.acquire() as backend, backend.transaction():
        await backend.execute("UPDATE conversation_state SET client_name = 'Ana María', message_count = 10")
        appending = asyncio.create_task(append(pool, [ana.write(ana.changes(status="escalated"))]))
        await eventually(lambda: pool.fetchval("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"))
    assert await appending == [Written(version=2)]
    found = await row(pool)
    assert (found["client_name"], found["status"], found["message_count"]) == ("Ana María", "escalated", 10)


async def test_a_row_that_it_has_made_is_told_by_the_load_and_gone_on_with(pool: Pool, ana: Person) -> None:
    ana.id = await pool.fetchval(_MADE, ana.phone)
    found = (await load(pool, [ana.phone]))[ana.phone]
    assert (found.version, found.state, found.conversation_id) == (0, None, ana.id)
    its_row = (await load_conversations(pool, [ana.phone]))[ana.phone]
    assert (its_row.agent_id, its_row.client_name, its_row.metadata) == ("agent_backend", "Ana", {})
    await ana.append(pool, ana.changes(status="closed"))
    assert (await row(pool))["agent_id"] == "agent_backend"


async def test_a_row_that_it_makes_meanwhile_is_a_conflict(pool: Pool, ana: Person, luis: Person) -> None:
    theirs = await pool.fetchval(_MADE, ana.phone)
    ana.id, luis.id = theirs + 10, theirs + 11
    results = await append(pool, [ana.write(ana.begins()), luis.write(luis.begins())])
    assert results == [Conflict(reason="row", version=0, row_id=theirs), Written(version=1)]
    assert (
        await pool.fetchval("SELECT count(*) FROM conversation_actor WHERE phone_number = $1", ana.phone) == 0
    )


async def test_a_row_that_it_makes_at_the_same_moment_is_a_conflict(pool: Pool, ana: Person) -> None:
    ana.id = 1_000
    async with pool.acquire() as backend, backend.transaction():
        theirs = await backend.fetchval(_MADE, ana.phone)
        appending = asyncio.create_task(append(pool, [ana.write(ana.begins(), ana.seen("SM1"))]))
        await eventually(lambda: pool.fetchval("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"))
    assert await appending == [Conflict(reason="row", version=0, row_id=theirs)]
    assert await pool.fetchval("SELECT count(*) FROM conversation_seen") == 0


async def test_a_row_that_it_removes_is_made_again(pool: Pool, ana: Person) -> None:
    await ana.append(pool, ana.begins(), ana.message(1))
    await pool.execute("DELETE FROM conversation_state")
    await ana.append(pool, ana.changes(last_message_at=AT), ana.message(2))
    found = await row(pool)
    assert (found["id"], found["agent_id"], found["last_message_at"]) == (1, "", AT.replace(tzinfo=None))
    assert isinstance(found["started_at"], datetime)
