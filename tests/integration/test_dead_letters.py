"""The index of dead letters on a real Postgres: failed turns, repeated letters, what was done, what was erased."""

import base64
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from db.pool import Pool
from db.queries import load
from schemas.documents import now
from schemas.events import DeadLetter, DeadLetterClosed
from schemas.settings import load_settings
from tests.support.journal import PHONE, Chat, chat_on
from web.database import Database
from web.dead_letters.index import Index

_sql = load("dead_letters")
_PAGE = (None, None, None, None, None, None, 50)


@pytest.fixture
def index(pool: Pool) -> Index:
    return Index(load_settings({}), Database(pool))


def record(offset: int, value: object, key: str = PHONE) -> Any:  # noqa: ANN401
    return SimpleNamespace(partition=2, offset=offset, key=key.encode(), value=value)


def letter(value: bytes = b"{", reason: str = "body") -> bytes:
    packed = base64.b64encode(PHONE.encode()).decode(), base64.b64encode(value).decode()
    return DeadLetter(
        topic="inbound-message", partition=1, offset=7, reason=reason, details="why", key_base64=packed[0],
        value_base64=packed[1], at=now(),
    ).to_json()  # fmt: skip


async def states(index: Index) -> dict[str, tuple[str, int]]:
    return {row["id"]: (row["state"], row["tries"]) for row in await index.rows(_sql.page, None, *_PAGE)}


async def test_letters_are_taken_up_once_and_the_same_bytes_again_are_one_more_try(index: Index) -> None:
    records = [record(0, letter()), record(1, b"not ours"), record(2, letter()), record(3, letter(b"other"))]
    for _ in range(2):
        await index._add(records)
    assert await states(index) == {"2-0": ("open", 1), "2-2": ("open", 2), "2-3": ("open", 1)}
    assert [dict(row) for row in await index.rows(_sql.positions)] == [{"partition": 2, "next_offset": 4}]
    closed = DeadLetterClosed(closes="2-0", state="discarded", by="Ana", reason="prueba", at=now())
    await index._add([record(4, closed.to_json())])
    assert (await states(index))["2-0"] == ("discarded", 1)
    found = await index.rows(_sql.open_ones, None, "body")
    assert [(row["id"], bytes(row["key"]), row["phone_number"]) for row in found] == [
        ("2-2", PHONE.encode(), PHONE), ("2-3", PHONE.encode(), PHONE),
    ]  # fmt: skip


async def test_what_was_buried_before_its_number_was_erased_stays_away(index: Index, pool: Pool) -> None:
    await pool.execute(
        "INSERT INTO conversation_erasure (number_digest, erased_at) VALUES (encode(sha256($1::bytea), 'hex'), $2)",
        PHONE.encode(), (now() + timedelta(minutes=1)).replace(tzinfo=None),
    )  # fmt: skip
    await index._add([record(0, letter())])
    assert await states(index) == {}


async def failed(chat: Chat, status: int, *, send_state: str = "refused") -> int:
    begun = await chat.write("hola")
    assert begun.turn is not None, begun
    turn = await chat.answer(begun.turn, "buenas")
    error = {"status": status, "error": "Failed", "details": "no (21608)"}
    await chat.journal.fail(turn, code="21608", reason="no", error=error, send_state=send_state, suppress=False)
    return turn.id


async def sweep(index: Index, pool: Pool) -> None:
    await pool.execute(_sql.add_turns)
    await pool.execute(_sql.resolve_turns)


async def test_turns_that_failed_for_good_are_there_until_they_go_well(index: Index, pool: Pool) -> None:
    chat = await chat_on(pool)
    await chat.called()
    await failed(chat, 409)  # the client wants none: nobody must act
    turn = await failed(chat, 422, send_state="held")
    for _ in range(2):
        await sweep(index, pool)
    (row,) = await index.rows(_sql.open_ones, None, None)
    assert (row["id"], row["reason"], row["details"]) == (f"turn-{turn}", "held", "no (21608)")
    event = bytes(row["value"]).decode()
    assert '"event_id": "SMin2"' in event
    await index.close(row["id"], DeadLetterClosed(closes=row["id"], state="retried", by="Ana", at=now()))
    await sweep(index, pool)
    assert await states(index) == {f"turn-{turn}": ("retried", 1)}
    await pool.execute("UPDATE conversation_turn SET ended_at = now() + interval '1 second' WHERE id = $1", turn)
    await sweep(index, pool)  # it failed again
    assert await states(index) == {f"turn-{turn}": ("open", 2)}
    await pool.execute("UPDATE conversation_turn SET state = 'done' WHERE id = $1", turn)
    await sweep(index, pool)
    assert await states(index) == {f"turn-{turn}": ("resolved", 2)}
