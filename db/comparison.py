"""Rebuilt tables compared with the service's own: counts, and the first keys that differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.pool import Pool

# A comparison reads whole tables; it is not a step that anybody waits for.
_LONG_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row that differs. `only_in`: database or log, if the other lacks it; `columns`: those that differ."""

    key: list[object]
    only_in: str | None
    columns: list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How one table differs."""

    table: str
    only_in_database: int
    only_in_log: int
    differing: int
    equal: int
    examples: list[Example]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table to compare."""

    name: str
    key: tuple[str, ...]
    #: SQL: whose row {row} is, by id or by number.
    conversation: str
    #: Columns that the log does not tell.
    undetermined: tuple[str, ...] = ()
    #: SQL: which rows count.
    only: str = "true"


# When an actor is looked at again depends on settings, which may have changed. A purged log begins later.
_TABLES = (
    _Table(name="conversation_state", key=("id",), conversation="{row}.id = moved.id"),
    _Table(name="conversation_messages", key=("id",), conversation="{row}.conversation_id = moved.id"),
    _Table(
        name="conversation_actor",
        key=("phone_number",),
        conversation="{row}.phone_number = moved.phone_number",
        undetermined=("version", "write_id", "due_at"),
    ),
    _Table(
        name="conversation_log",
        key=("conversation_id", "number"),
        conversation="{row}.conversation_id = moved.id",
        undetermined=("sequence",),
        only="{row}.number >= (SELECT min(number) FROM {schema}.conversation_log l"
        " WHERE l.conversation_id = {row}.conversation_id)",
    ),
    _Table(name="conversation_sends", key=("own_id",), conversation="{row}.conversation_id = moved.id"),
    _Table(
        name="conversation_seen",
        key=("kind", "event_id"),
        conversation="{row}.phone_number = moved.phone_number",
    ),
    _Table(
        name="conversation_suppression",
        key=("phone_number",),
        conversation="{row}.phone_number = moved.phone_number",
    ),
    _Table(
        name="conversation_backend_posts",
        key=("conversation_id", "number"),
        conversation="{row}.conversation_id = moved.id",
    ),
)
_COUNTS = (
    "SELECT count(*) FILTER (WHERE made IS NULL) AS only_in_database,\n"
    "  count(*) FILTER (WHERE kept IS NULL) AS only_in_log,\n"
    "  count(*) FILTER (WHERE made <> kept) AS differing,"
    " count(*) FILTER (WHERE made = kept) AS equal FROM compared"
)
_SHOWN = """SELECT key, CASE WHEN made IS NULL THEN 'database' WHEN kept IS NULL THEN 'log' END AS only_in,
  (SELECT jsonb_agg(d.key) FROM jsonb_each(made) d WHERE d.value IS DISTINCT FROM kept->d.key) AS columns
FROM compared WHERE made IS DISTINCT FROM kept LIMIT $1"""


async def compare(pool: Pool, schema: str, most: int) -> list[Difference]:
    """Compare the temporary tables of a connection with those of a schema. `most`: examples per table."""
    return [await _difference(pool, table, schema, most) for table in _TABLES]


async def _difference(pool: Pool, table: _Table, schema: str, most: int) -> Difference:
    text = _comparison(table, schema)
    counts = await pool.fetchrow(text + _COUNTS, timeout=_LONG_SECONDS)
    assert counts is not None, "an aggregate has a row"
    shown = await pool.fetch(text + _SHOWN, most, timeout=_LONG_SECONDS)
    return Difference(table=table.name, **dict(counts), examples=[Example(**dict(row)) for row in shown])


def _comparison(table: _Table, schema: str) -> str:
    """Return the start of a query that compares a table.

    Rows of conversations that moved on while the log was read are left out: neither side is wrong about them.
    """
    return f"""
        WITH moved AS (
          SELECT k.conversation_id AS id, k.phone_number FROM {schema}.conversation_actor k
          JOIN pg_temp.conversation_actor m USING (phone_number)
          WHERE coalesce((m.state->>'number')::int, 0) < coalesce((k.state->>'number')::int, 0)
            OR m.conversation_id < k.conversation_id
        ), compared AS (
          SELECT jsonb_build_array({", ".join(table.key)}) AS key, {_columns("m", table)} AS made,
            {_columns("k", table)} AS kept
          FROM ({_rows("m", "pg_temp", table, schema)}) m
          FULL JOIN ({_rows("k", schema, table, schema)}) k USING ({", ".join(table.key)})
        )
    """


def _columns(row: str, table: _Table) -> str:
    return f"to_jsonb({row}) - '{{{','.join(table.undetermined)}}}'::text[]"


def _rows(row: str, place: str, table: _Table, schema: str) -> str:
    of_moved = table.conversation.format(row=row)
    counts = table.only.format(row=row, schema=schema)
    return f"""SELECT * FROM {place}.{table.name} {row}
               WHERE {counts} AND NOT EXISTS (SELECT FROM moved WHERE {of_moved})"""


def differing(found: Sequence[Difference]) -> list[str]:
    """Return the tables that are not equal."""
    return [each.table for each in found if each.only_in_database or each.only_in_log or each.differing]
