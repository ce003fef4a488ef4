"""Rows that events tell of, written into the service's tables, many at a time.

Rows come partial, as JSON by column: what a row does not say stays as the table has it, or gets the column's default. The
tables are those that the search path finds: the service's own, or a connection's temporary ones beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from db.pool import prepare
from db.queries import load

Json = dict[str, Any]
_sql = load("rebuild")

# Ids that a lost database had handed out and whose events never left: at most a worker's conversations in flight each.
_LOST_IDS = 10_000
# A comparison reads whole tables; it is no step that somebody waits for.
_LONG_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`parent`: what must be there for a row r; `missing`: values of a row whose beginning the log no longer has, as SQL.

    `undetermined`: columns that the log does not tell exactly. `also`: what else is joined into the staged row, as SQL.
    `conversation`: which one a row belongs to, as SQL.
    """

    name: str
    key: tuple[str, ...]
    key_types: tuple[str, ...]
    parent: str = "true"
    missing: str = "'{}'::jsonb"
    also: str = "'{}'::jsonb"
    joined: str = ""
    undetermined: tuple[str, ...] = ()
    conversation: str = "{row}.conversation_id"


_OF_CONVERSATION = "EXISTS (SELECT 1 FROM conversation_state s WHERE s.id = r.conversation_id)"
_OF_TURN = "EXISTS (SELECT 1 FROM conversation_turn t WHERE t.id = r.turn_id)"

_BY_TURN = "(SELECT t.conversation_id FROM {schema}conversation_turn t WHERE t.id = {row}.turn_id)"

# In the order of their references.
TABLES = (
    Table(
        name="conversation_state", key=("id",), key_types=("int",), conversation="{row}.id",
        missing="""jsonb_build_object('elevenlabs_conversation_id', '', 'agent_id', '', 'client_name', 'Cliente',
                   'started_at', staged->'last_seen_at')""",
        also="""jsonb_build_object('metadata', coalesce(staged->'metadata', b.metadata, '{}')
                || coalesce(staged->'metadata_patch', '{}'))""",
        parent="""NOT EXISTS (SELECT 1 FROM conversation_state o WHERE o.phone_number = r.phone_number AND o.id <> r.id)""",
    ),
    Table(
        name="conversation_turn", key=("id",), key_types=("bigint",), parent=_OF_CONVERSATION,
        missing="""jsonb_build_object('kind', 'reply')""",
        undetermined=("begun_at", "answered_at", "ended_at", "due_at", "holds", "request_id", "again"),
    ),
    Table(
        name="conversation_input", key=("kind", "event_id"), key_types=("text", "text"),
        conversation=_BY_TURN, parent=f"(r.turn_id IS NULL OR {_OF_TURN})", missing="""jsonb_build_object('position', 0)""",
        undetermined=("taken_at",),
    ),
    Table(
        name="conversation_send", key=("own_id",), key_types=("uuid",), parent=_OF_TURN, conversation=_BY_TURN,
        undetermined=("tries", "intended_at"),
    ),
    Table(
        name="conversation_messages", key=("id",), key_types=("int",), parent=_OF_CONVERSATION,
        joined="LEFT JOIN conversation_turn u ON u.id = (staged->'metadata'->>'turn_id')::bigint",
        also="""CASE WHEN staged->>'direction' = 'outbound' THEN jsonb_build_object('elevenlabs_response', u.reply)
                ELSE '{}'::jsonb END""",
    ),
    Table(
        name="conversation_history", key=("conversation_id", "number"), key_types=("int", "int"), parent=_OF_CONVERSATION,
    ),
    Table(
        name="conversation_suppression", key=("phone_number",), key_types=("text",), undetermined=("since",),
        conversation="NULL::int",
    ),
)  # fmt: skip


async def connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection, prepared as the pool's are."""
    settings = {"timezone": "UTC", "application_name": "whatsapp-microservice replay"}
    connection = await asyncpg.connect(dsn, server_settings=settings)
    await prepare(connection)
    return connection


class Target:
    """The tables of one connection that rows are written into."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection
        self._upserts: dict[str, str] = {}
        self._columns: dict[str, list[str]] = {}
        self._schema = ""

    async def open(self, *, beside: bool) -> None:
        """Look at the tables. `beside`: shadow them with empty temporary ones, which end with the connection."""
        self._schema = await self.connection.fetchval(_sql.schema_of)
        for table in TABLES:
            if beside:
                source = f"{self._schema}.{table.name}"
                await self.connection.execute(
                    f"CREATE TEMP TABLE {table.name} (LIKE {source} INCLUDING DEFAULTS INCLUDING INDEXES)"
                )
            columns = await self.connection.fetch(_sql.columns, table.name)
            self._columns[table.name] = [column["name"] for column in columns]
            self._upserts[table.name] = _upsert(table, columns)

    async def is_empty(self) -> bool:
        """Tell whether no conversation is here yet."""
        return bool(await self.connection.fetchval(_sql.is_empty))

    async def erasures(self) -> dict[str, datetime]:
        """Give when numbers were erased, by their digest; UTC, without a zone."""
        return {row["number_digest"]: row["erased_at"] for row in await self.connection.fetch(_sql.erasures)}

    async def numbers(self, conversations: Sequence[int]) -> dict[int, int]:
        """Give the number of the last event that each conversation's row has seen."""
        rows = await self.connection.fetch(_sql.numbers, list(conversations))
        return {row["id"]: row["event_number"] for row in rows}

    async def forget(self, phones: Sequence[str]) -> None:
        """Erase numbers."""
        await self.connection.execute(_sql.forget_erased, list(phones))
        await self.connection.execute(_sql.forget_erased_inputs, list(phones))

    async def write(self, rows: Mapping[str, Sequence[Json]], failed_turns: Mapping[int, Json]) -> None:
        """Write partial rows, by table, in one transaction. `failed_turns`: state and code of their open sends."""
        async with self.connection.transaction():
            newer = [(row["phone_number"], row["id"]) for row in rows.get("conversation_state", ())]
            await self.connection.execute(
                _sql.forget_former, [phone for phone, _ in newer], [number for _, number in newer]
            )
            for table in TABLES:
                if staged := rows.get(table.name):
                    await self.connection.execute(self._upserts[table.name], staged)
                if table.name == "conversation_send" and failed_turns:
                    states = [failed["state"] for failed in failed_turns.values()]
                    codes = [failed["code"] for failed in failed_turns.values()]
                    await self.connection.execute(_sql.fail_sends, list(failed_turns), states, codes)
            if fresh := rows.get("fresh_messages"):
                await self.connection.execute(_FRESH, fresh)

    async def unsuppress(self, phones: Sequence[str]) -> None:
        """Forget that numbers asked for no more messages."""
        await self.connection.execute(_sql.unsuppress, list(phones))

    async def fill(self, payloads: Mapping[str, Json]) -> None:
        """Give inputs their payloads, by event id."""
        await self.connection.execute(_sql.fill_payloads, list(payloads), list(payloads.values()))

    async def finish(self, numbers: Mapping[int, int], erasures: Mapping[str, datetime]) -> None:
        """The database is to be worked with: ids go on past the log's, and what the log has leaves no second time."""
        async with self.connection.transaction():
            await self.connection.execute(_sql.next_ids, _LOST_IDS)
            await self.connection.execute(_sql.forget_published, list(numbers), list(numbers.values()))
            await self.connection.execute(_sql.remember_erasures, list(erasures), list(erasures.values()))
            await self.connection.execute(_sql.mark_restored)

    async def differences(self, most: int) -> list[Json]:
        """Compare the temporary tables with those beside: counts, and the first `most` keys that differ, by table."""
        return [await self._difference(table, most) for table in TABLES]

    async def _difference(self, table: Table, most: int) -> Json:
        text = _comparison(table, self._schema)
        counts = await self.connection.fetchrow(text + _COUNTS, timeout=_LONG_SECONDS)
        assert counts is not None, "an aggregate has a row"
        shown = await self.connection.fetch(text + _SHOWN + f" LIMIT {most}", timeout=_LONG_SECONDS)
        return {"table": table.name, **dict(counts), "examples": [row[0] for row in shown]}


_FRESH = """
INSERT INTO conversation_messages (conversation_id, direction, content, twilio_message_id, sent_at, metadata)
SELECT r.conversation_id, r.direction, r.content, r.twilio_message_id, r.sent_at, coalesce(r.metadata, '{}')
FROM jsonb_array_elements($1::jsonb) AS x(staged)
CROSS JOIN LATERAL jsonb_populate_record(NULL::conversation_messages, staged) r
WHERE EXISTS (SELECT 1 FROM conversation_state s WHERE s.id = r.conversation_id)"""


def _upsert(table: Table, columns: Sequence[asyncpg.Record]) -> str:
    names = [column["name"] for column in columns]
    given = [(column["name"], column["filled_with"]) for column in columns if column["filled_with"]]
    defaults = ", ".join(f"'{name}', {how}" for name, how in given if "nextval" not in how)
    same = " AND ".join(
        f"b.{name} = (staged->>'{name}')::{kind}" for name, kind in zip(table.key, table.key_types, strict=True)
    )
    needed = " AND ".join(f"r.{column['name']} IS NOT NULL" for column in columns if column["needed"]) or "true"
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in names if name not in table.key)
    return f"""
        INSERT INTO {table.name} ({", ".join(names)}) SELECT {", ".join(f"r.{name}" for name in names)}
        FROM jsonb_array_elements($1::jsonb) AS x(staged)
        LEFT JOIN {table.name} b ON {same} {table.joined}
        CROSS JOIN LATERAL jsonb_populate_record(b, CASE WHEN b.{table.key[0]} IS NULL
          THEN jsonb_build_object({defaults}) || {table.missing} ELSE '{{}}'::jsonb END || staged || {table.also}) r
        WHERE {needed} AND {table.parent}
        ON CONFLICT ({", ".join(table.key)}) DO UPDATE SET {changes}"""


_COUNTS = """SELECT count(*) FILTER (WHERE made IS NULL) AS only_in_database,
  count(*) FILTER (WHERE kept IS NULL) AS only_in_log,
  count(*) FILTER (WHERE made <> kept) AS differing, count(*) FILTER (WHERE made = kept) AS equal FROM compared"""
_SHOWN = """SELECT jsonb_build_object('key', key, 'only_in', CASE WHEN made IS NULL THEN 'database'
  WHEN kept IS NULL THEN 'log' END, 'columns', (SELECT jsonb_agg(d.key) FROM jsonb_each(made) d
  WHERE d.value IS DISTINCT FROM kept->d.key)) FROM compared WHERE made IS DISTINCT FROM kept"""


def _comparison(table: Table, schema: str) -> str:
    """Rows of conversations that moved on while the log was read are left out: neither side is wrong about them."""
    key = ", ".join(table.key)
    left_out = "'{" + ",".join(table.undetermined) + "}'::text[]"
    mine = table.conversation.format(row="m", schema="")
    theirs = table.conversation.format(row="k", schema=f"{schema}.")
    return f"""
        WITH moved AS (SELECT id FROM conversation_state m FULL JOIN {schema}.conversation_state k USING (id)
                       WHERE m.event_number < k.event_number),
        compared AS (
          SELECT jsonb_build_array({key}) AS key, to_jsonb(m) - {left_out} AS made,
                 to_jsonb(k) - {left_out} AS kept
          FROM (SELECT * FROM {table.name} m WHERE {mine} IS NULL OR {mine} NOT IN (SELECT id FROM moved)) m
          FULL JOIN (SELECT * FROM {schema}.{table.name} k
                     WHERE {theirs} IS NULL OR {theirs} NOT IN (SELECT id FROM moved)) k
          USING ({key}))
"""
