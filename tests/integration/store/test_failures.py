"""Data that Postgres refuses fails alone, whoever shares its statement."""

import asyncio
from typing import Any

import asyncpg
import pytest

from db.pool import Pool
from db.store.append import append
from db.store.write import Failed, Write, Written
from schemas.rows import LogRow, SuppressionChange
from tests.support.person import AT, Person

_OWN_ID = "7f0e9f5a-4a4e-4a60-9d40-1f3f3c1c9c11"


def _logging(**data: Any) -> tuple[LogRow, ...]:  # noqa: ANN401 - JSON
    return (LogRow(number=1, sequence=900_001, type="noted", at=AT, data=data),)


def bad(kind: str, person: Person) -> Write:
    """A write whose data cannot be stored."""
    begins = person.begins()
    writes = {
        "null byte in a text": lambda: person.write(begins, person.message(1, content="a\0b")),
        "null byte in JSON": lambda: person.write(begins, log=_logging(text="a\0b")),
        "not JSON": lambda: person.write(begins, state=b"{"),
        "not UTF-8": lambda: person.write(begins, state=b"\xff"),
        "surrogate": lambda: person.write(begins, person.message(1, content="\ud800")),
        "surrogate in JSON": lambda: person.write(begins, log=_logging(text="\ud800")),
        "not JSON at all": lambda: person.write(begins, log=_logging(text=object())),
        "too long": lambda: person.write(person.begins(agent_id="a" * 300)),
        "no such direction": lambda: person.write(begins, person.message(1, direction="sideways")),
        "no such source": lambda: person.write(
            begins, SuppressionChange(phone_number=person.phone, source="nobody", event_id="x", since=AT)
        ),
        "id beyond 32 bits": lambda: person.write(begins, person.message(2**31)),
        "half a send": lambda: person.write(begins, _half_a_send(person)),
        "message without a row": lambda: person.write(person.message(1)),
        "event without a conversation": lambda: person.write(conversation_id=None),
    }
    return writes[kind]()


def _half_a_send(person: Person) -> Any:  # noqa: ANN401 - a change
    send = person.send(_OWN_ID)
    return type(send)(own_id=_OWN_ID, columns={"phone_number": person.phone, "state": "accepted"})


_KINDS = [
    "null byte in a text",
    "null byte in JSON",
    "not JSON",
    "not UTF-8",
    "surrogate",
    "surrogate in JSON",
    "not JSON at all",
    "too long",
    "no such direction",
    "no such source",
    "id beyond 32 bits",
    "half a send",
    "message without a row",
    "event without a conversation",
]


@pytest.mark.parametrize("kind", _KINDS)
async def test_what_fails_for_its_data_fails_alone(pool: Pool, kind: str) -> None:
    people = [Person(phone=f"+5730000000{n:02}", id=n) for n in range(1, 8)]
    writes = [each.write(each.begins(), each.seen(f"SM{each.id}")) for each in people]
    writes[3] = bad(kind, people[3])
    results = await append(pool, writes)
    assert isinstance(results.pop(3), Failed)
    assert results == [Written(version=1)] * 6
    found = await pool.fetch("SELECT id FROM conversation_state ORDER BY id")
    assert [row["id"] for row in found] == [1, 2, 3, 5, 6, 7]
    assert await pool.fetchval("SELECT count(*) FROM conversation_log") == 6


async def test_a_message_id_that_is_taken_is_that_conversations_failure(
    pool: Pool, ana: Person, luis: Person
) -> None:
    await ana.append(pool, ana.begins(), ana.message(1))
    writes = [luis.write(luis.begins(), luis.message(1)), ana.write(ana.message(2))]
    failed, written = await append(pool, writes)
    assert failed == Failed(
        why='duplicate key value violates unique constraint "conversation_messages_pkey"',
        sqlstate="23505",
        constraint="conversation_messages_pkey",
    )
    assert written == Written(version=2)


async def test_a_failure_says_nothing_of_the_person(pool: Pool, ana: Person) -> None:
    secret = ana.write(
        ana.begins(client_name="secreto"), ana.message(1, content="secreto", direction="sideways")
    )
    [result] = await append(pool, [secret])
    assert isinstance(result, Failed)
    assert "secreto" not in repr(result)
    assert ana.phone not in repr(result)


async def test_a_table_that_is_missing_is_nobodys_data(pool: Pool, ana: Person) -> None:
    """A schema that does not fit must not bury every conversation."""
    await pool.execute("ALTER TABLE conversation_log RENAME TO elsewhere")
    with pytest.raises(asyncpg.UndefinedTableError):
        await append(pool, [ana.write(ana.begins())])


async def test_a_connection_that_has_become_read_only_is_given_up(pool: Pool, ana: Person) -> None:
    """As after a failover: the session goes on, on what is a standby now."""
    became_standbys = await asyncio.gather(*(_became_read_only(pool) for _ in range(pool.get_size())))
    assert await append(pool, [ana.write(ana.begins())]) == [Written(version=1)]
    left = {
        row["pid"]
        for row in await pool.fetch("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    }
    assert not left & set(became_standbys)


async def _became_read_only(pool: Pool) -> int:
    async with pool.acquire() as connection:
        await connection.fetch("SET default_transaction_read_only = on")
        pid: int = await connection.fetchval("SELECT pg_backend_pid()")
        return pid
