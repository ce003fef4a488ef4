"""The simulated Postgres of `tests/universe` against the real one.

The same histories are answered alike, statement by statement, and leave the same rows.
"""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic_core import from_json

from db.pool import Pool, create_pool
from db.store.session import SESSION
from schemas.settings import load_settings
from tests.universe.appending import POISON
from tests.universe.postgres import Postgres
from tests.universe.recording import Asked, changed, recorded
from tests.universe.rows import Row
from tests.universe.world import World

# Those of the first ones in which groups of writes are refused in part most often.
_SEEDS = (2, 3, 5, 7)
_MOVES = 120
# A clock that is told, in front of Postgres' own.
_CLOCK = """
CREATE SCHEMA told;
CREATE FUNCTION told.now() RETURNS timestamptz LANGUAGE sql STABLE
  AS $$ SELECT pg_catalog.current_setting('told.now')::pg_catalog.timestamptz $$;
CREATE FUNCTION told.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
  AS $$ SELECT pg_catalog.current_setting('told.now')::pg_catalog.timestamptz $$;
INSERT INTO conversation_erasure_key (key) VALUES ('universe')\
 ON CONFLICT (id) DO UPDATE SET key = EXCLUDED.key;
"""
# What a default writes by Postgres' own clock.
_OWN = {"claimed_at", "removed_at", "spooled_at"}
# Of when web looked at a vendor's list: all of it, by that clock.
_BY_ITS_OWN_CLOCK = {"backfill_start", "backfill_claim", "backfill_checked"}
Answer = list[Any] | str


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    settings = load_settings({}, database_url=database_url)
    session = {**SESSION, "search_path": "told, public, pg_catalog"}
    pool = await create_pool(settings, session, size=1)
    await pool.execute(_CLOCK)
    yield pool
    await pool.close()


class Simulated(Postgres):
    """`at`: what its clock says."""

    def __init__(self) -> None:
        super().__init__(World(1))
        self.at = self.world.datetime()

    def now(self) -> datetime:
        return self.at


@pytest.fixture(params=_SEEDS)
def history(request: pytest.FixtureRequest) -> list[Asked]:
    """What a seed's workers asked. A universe runs its own loops, so it ends before the test's begins."""
    return recorded(request.param, _MOVES)


async def test_a_history_is_answered_alike(pool: Pool, history: list[Asked]) -> None:
    seen = await _is_answered_alike(pool, history)
    assert seen["append all"]


async def test_a_history_in_which_nothing_comes_as_it_should_is_answered_alike(
    pool: Pool, history: list[Asked]
) -> None:
    seen = await _is_answered_alike(pool, list(changed(history, random.Random(len(history)))))
    assert {"append none", "append some", "append IntegrityConstraintViolationError"} <= seen.keys(), seen


async def _is_answered_alike(pool: Pool, history: Sequence[Asked]) -> Counter[str]:
    """Return how often each statement was answered by how much."""
    simulated, seen, otherwise = Simulated(), Counter[str](), dict[str, tuple[object, ...]]()
    for place, asked in enumerate(history):
        if asked.name in _BY_ITS_OWN_CLOCK:
            continue
        expected, found = await _real(pool, asked), _simulated(simulated, asked)
        if found != expected:
            otherwise.setdefault(asked.name, (place, asked.arguments, found, expected))
        seen[f"{asked.name} {_much(asked, found)}"] += 1
    assert otherwise == {}, (
        "the first of each statement: its place, its arguments, what is simulated, what is right"
    )
    for table, key, rows in _tables(simulated):
        real = {
            tuple(row[name] for name in key): _plain(row)
            for row in await pool.fetch(f"SELECT * FROM {table}")
        }
        assert {key: _plain(row) for key, row in rows.items()} == real, table
    return seen


def _much(asked: Asked, answer: Answer) -> str:
    if isinstance(answer, str):
        return answer
    if asked.name != "append":
        return ""
    if not answer:
        return "none"
    return "all" if len(answer) == len(asked.arguments[0]) else "some"


async def _real(pool: Pool, asked: Asked) -> Answer:
    async with pool.acquire() as connection:
        await connection.execute("SELECT set_config('told.now', $1, false)", asked.now.isoformat())
        try:
            rows = await connection.fetch(asked.text, *_poisoned(asked.arguments))
        except asyncpg.PostgresError as error:
            return _kind(error)
    return _plain_rows(asked, rows)


def _simulated(postgres: Simulated, asked: Asked) -> Answer:
    postgres.at = asked.now
    try:
        rows = postgres.execute(asked.text, asked.arguments)
    except asyncpg.PostgresError as error:
        return _kind(error)
    return _plain_rows(asked, rows)


def _kind(error: Exception) -> str:
    """Return what `db.store.append` tells apart."""
    kinds = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
    return next(kind.__name__ for kind in kinds if isinstance(error, kind))


def _poisoned(value: Any) -> Any:  # noqa: ANN401 - an argument, or what is in it
    """Replace the word that stands for what Postgres cannot store."""
    if isinstance(value, str):
        return value.replace(POISON, "\\u0000" if value.startswith("{") else "\0")
    if isinstance(value, Mapping):
        return {name: _poisoned(each) for name, each in value.items()}
    return type(value)(map(_poisoned, value)) if isinstance(value, list | tuple) else value


def _plain_rows(asked: Asked, rows: Sequence[Any]) -> list[Any]:
    """Where a statement promises no order it has none."""
    if asked.name == "sequence_of":
        return [row[0].removeprefix("public.") for row in rows]
    if asked.name == "next_ids":
        return [row[0] for row in rows]
    # How many rows a statement without an answer has met: those of the tables in the end tell that, too.
    found = [_plain(row) for row in rows if "done" not in row.keys()]  # noqa: SIM118 - a record's
    is_ordered = "ORDER BY" in asked.text.rpartition(")")[2] and asked.name != "append"
    return found if is_ordered else sorted(found, key=_in_any_order)


def _in_any_order(row: Mapping[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=str)


def _tables(simulated: Simulated) -> list[tuple[str, tuple[str, ...], Mapping[Any, Mapping[str, Any]]]]:
    of = simulated.tables
    return [
        ("conversation_partition", ("partition",), _keyed(of.partitions)),
        ("conversation_actor", ("phone_number",), _keyed(of.actors)),
        ("conversation_log", ("conversation_id", "number"), of.log),
        ("conversation_sends", ("own_id",), _keyed(of.sends)),
        ("conversation_seen", ("kind", "event_id"), of.seen),
        ("conversation_state", ("id",), _keyed(of.conversations)),
        ("conversation_messages", ("id",), _keyed(of.messages)),
        ("conversation_publication", ("partition",), _named("sequence", "partition", of.publication)),
        ("conversation_suppression", ("phone_number",), _with("phone_number", of.suppressions)),
        ("conversation_removal", ("write_id",), _with("write_id", of.removals)),
        ("conversation_spool", ("id",), _keyed(of.spool)),
        ("conversation_erasure", ("number_digest",), _named("erased_at", "number_digest", of.erasures)),
        (
            "conversation_backend_posts",
            ("conversation_id", "number"),
            {key: Row(row, conversation_id=key[0], number=key[1]) for key, row in of.posts.items()},
        ),
    ]


def _keyed(rows: Mapping[Any, Row]) -> dict[tuple[Any], Row]:
    return {(key,): row for key, row in rows.items()}


def _with(name: str, rows: Mapping[Any, Row]) -> dict[tuple[Any], Row]:
    return {(key,): Row(row, **{name: key}) for key, row in rows.items()}


def _named(name: str, key_name: str, values: Mapping[Any, Any]) -> dict[tuple[Any], Row]:
    return {(key,): Row({key_name: key, name: value}) for key, value in values.items()}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items() if name not in _OWN}


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - any of a row
    if name == "state" and isinstance(value, str) and value.startswith("{"):
        value = from_json(value)
    if isinstance(value, datetime):
        value = value.replace(tzinfo=value.tzinfo or UTC)
    return str(value) if isinstance(value, UUID) else value
