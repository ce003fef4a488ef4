"""The one statement that writes conversations, with its rules: `db/sql/store_append.sql` by hand.

All of it or nothing.
"""

from collections import defaultdict
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg

from tests.universe.rows import Row, Tables, json

Values = dict[str, Any]
Piece = dict[str, Any]
POISON = "veneno"
"""Messages with this word are refused for their data, as Postgres refuses a NUL."""
_TABLES = (
    "log",
    "seen",
    "outcome",
    "row",
    "message",
    "times",
    "gone",
    "send",
    "suppression",
    "post",
    "taken",
    "erasure",
)
_ACTOR = ("phone_number", "partition", "conversation_id", "write_id", "state", "is_open", "due_at")


def append(tables: Tables, values: Values, now: datetime) -> list[int]:
    """Write each conversation completely or not at all; return the places of those written.

    Raises:
        asyncpg.PostgresError: as the real one does, before anything is changed.
    """
    _read(values)
    rows = _rows_by_place(values)
    written = [write for write in _writes(values) if _is_admitted(tables, write, rows)]
    _check(tables, written, rows)
    for write in written:
        of = rows[write["place"]]
        # An erasure removes only what was there before.
        for erasure in of["erasure"]:
            _erase(tables, erasure, of)
        _actor(tables, write, now)
        _log(tables, write, of["log"])
        _inputs(tables, of)
        _conversation(tables, write, of, now)
        _outside(tables, of, values, now)
    return [write["place"] for write in written]


def _read(values: Values) -> None:
    """Refuse a text that cannot be read. No conversation of the group is looked at."""
    texts = (*values["state"], *values.get("message_content", ()), *map(str, values.get("log_data", ())))
    if any(POISON in (text or "") for text in texts):
        raise asyncpg.CharacterNotInRepertoireError("invalid byte sequence")


def _writes(values: Values) -> list[Piece]:
    names = {
        "place": "place",
        "key": "phone_number",
        "partition": "partition",
        "epoch": "epoch",
        "version": "version",
        "write_id": "write_id",
        "conversation": "conversation_id",
        "state": "state",
        "is_open": "is_open",
        "due_at": "due_at",
    }
    count = len(values["place"])
    return [{to: values[name][i] for name, to in names.items() if name in values} for i in range(count)]


def _rows_by_place(values: Values) -> defaultdict[int, defaultdict[str, list[Piece]]]:
    found: defaultdict[int, defaultdict[str, list[Piece]]] = defaultdict(lambda: defaultdict(list))
    for name, keys in _columns(tuple(values)):
        columns = [(short, values[key]) for short, key in keys if isinstance(values[key], list)]
        for i, place in enumerate(values[f"{name}_place"]):
            found[place][name].append({short: column[i] for short, column in columns})
    return found


@cache
def _columns(names: tuple[str, ...]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the columns that a statement's arguments hold: by table, each with its short name."""
    found = [
        (table, [(name.removeprefix(f"{table}_"), name) for name in names if name.startswith(f"{table}_")])
        for table in _TABLES
    ]
    return [(table, keys) for table, keys in found if ("place", f"{table}_place") in keys]


def _is_admitted(tables: Tables, write: Piece, rows: Any) -> bool:  # noqa: ANN401
    owner = tables.partitions.get(write["partition"])
    if owner is None or owner["epoch"] != write["epoch"]:
        return False
    if any((row["kind"], row["event_id"]) in tables.seen for row in rows[write["place"]]["seen"]):
        return False
    phone, version, state = write["phone_number"], write["version"], write["state"]
    known = tables.conversation_of(phone)
    if version == 0 and state is not None and known is not None and known["id"] != write["conversation_id"]:
        return False
    actor = tables.actors.get(phone)
    return actor is None if version == 0 else actor is not None and actor["version"] == version


def _check(tables: Tables, written: list[Piece], rows: Any) -> None:  # noqa: ANN401
    """Refuse what the tables' constraints do not allow, even between rows of this one statement."""
    numbers, sequences = set[tuple[int, int]](), set[tuple[int, int]]()
    for write in written:
        of = rows[write["place"]]
        for row in of["log"]:
            number, sequence = (
                (write["conversation_id"], row["number"]),
                (write["partition"], row["sequence"]),
            )
            if number in tables.log or number in numbers:
                raise asyncpg.UniqueViolationError("conversation_log_pkey")
            if sequence in tables.sequences or sequence in sequences:
                raise asyncpg.UniqueViolationError("conversation_log_sequence")
            numbers.add(number)
            sequences.add(sequence)
        if any(row["id"] in tables.messages for row in of["message"]):
            raise asyncpg.UniqueViolationError("conversation_messages_pkey")
        known = tables.conversations.keys() | {row["id"] for row in of["row"]}
        if any(row["conversation"] not in known for row in of["message"]):
            raise asyncpg.ForeignKeyViolationError("conversation_messages_conversation_id_fkey")
        for row in of["row"]:
            other = tables.conversation_of(row["number"])
            if other is not None and other["id"] != row["id"] and not of["erasure"]:
                raise asyncpg.UniqueViolationError("conversation_state_phone_number_key")


def _actor(tables: Tables, write: Piece, now: datetime) -> None:
    if write["state"] is None:
        tables.actors.pop(write["phone_number"], None)
        tables.removals[write["write_id"]] = Row(
            conversation_id=write["conversation_id"], partition=write["partition"], removed_at=now
        )
        return
    tables.actors[write["phone_number"]] = Row(
        {name: write[name] for name in _ACTOR}, version=write["version"] + 1
    )


def _log(tables: Tables, write: Piece, log: list[Piece]) -> None:
    for row in log:
        key = write["conversation_id"], row["number"]
        tables.log[key] = Row(
            conversation_id=key[0],
            phone_number=write["phone_number"],
            partition=write["partition"],
            **{name: row[name] for name in ("number", "sequence", "type", "at")},
            data=json(row["data"]),
        )
        tables.sequences[write["partition"], row["sequence"]] = key


def _inputs(tables: Tables, of: Any) -> None:  # noqa: ANN401
    for row in of["seen"]:
        outcome = None if row["outcome"] is None else json(row["outcome"])
        tables.seen[row["kind"], row["event_id"]] = Row(
            kind=row["kind"],
            event_id=row["event_id"],
            phone_number=row["number"],
            at=row["at"],
            outcome=outcome,
        )
    for row in of["outcome"]:
        if (known := tables.seen.get((row["kind"], row["event_id"]))) is not None:
            known["outcome"] = json(row["value"])
            known["phone_number"] = "" if row["is_erased"] else known["phone_number"]


_NEW_ROW = {
    "id": None,
    "phone_number": None,
    "client_name": None,
    "elevenlabs_conversation_id": "",
    "agent_id": "",
    "batch_id": None,
    "recipient_id": None,
    "status": "active",
    "call_summary": None,
    "call_duration_secs": None,
    "started_at": None,
    "last_message_at": None,
    "closed_at": None,
    "address": None,
    "last_inbound_at": None,
    "escalated_at": None,
    "message_count": 0,
}


def _conversation(tables: Tables, write: Piece, of: Any, now: datetime) -> None:  # noqa: ANN401
    for change in of["row"]:
        row = tables.conversations.get(change["id"])
        if row is None:
            naive = now.replace(tzinfo=None)
            row = Row(_NEW_ROW, id=change["id"], phone_number=change["number"], metadata={})
            row |= {"started_at": naive, "last_message_at": naive}
            tables.conversations[change["id"]] = row
        row.update(change["columns"])
        row["message_count"] += change["messages"]
        if (edit := change["edit"]) is not None:
            row["metadata"] = _edited(row["metadata"], json(edit))
    for row in of["message"]:
        tables.messages[row["id"]] = Row(
            id=row["id"],
            conversation_id=row["conversation"],
            direction=row["direction"],
            content=row["content"],
            twilio_message_id=row["sid"],
            elevenlabs_response=json(row["response"]),
            sent_at=row["sent_at"],
            delivered_at=row["delivered_at"],
            read_at=row["read_at"],
            metadata=json(row["metadata"]),
        )
    for row in of["times"]:
        message = tables.messages.get(row["id"])
        if message is not None and message["conversation_id"] == write["conversation_id"]:
            message["delivered_at"] = message["delivered_at"] or row["delivered_at"]
            message["read_at"] = message["read_at"] or row["read_at"]
    for row in of["gone"]:
        if (message := tables.messages.get(row["id"])) and message["conversation_id"] == row["conversation"]:
            del tables.messages[row["id"]]


def _edited(metadata: Piece, edit: Piece) -> Piece:
    kept = {key: value for key, value in (metadata or {}).items() if key not in edit["remove"]} | edit["set"]
    if edit["calls"]:
        former = None if "calls" in edit["remove"] else (metadata or {}).get("calls")
        kept["calls"] = [*(edit["set"].get("calls") or former or []), *edit["calls"]]
    return kept


_NEW_SEND = {
    "own_id": None,
    "phone_number": None,
    "conversation_id": None,
    "turn_id": None,
    "turn_kind": None,
    "part": None,
    "to_address": None,
    "body": None,
    "content": None,
    "state": None,
    "tries": 0,
    "sid": None,
    "status": None,
    "rank": -1,
    "error_code": None,
    "message_id": None,
    "planned_at": None,
    "intended_at": None,
    "accepted_at": None,
    "delivered_at": None,
    "read_at": None,
    "came_back": False,
    "times": 0,
    "origin_turn": None,
    "origin_part": None,
}


def _outside(tables: Tables, of: Any, values: Values, now: datetime) -> None:  # noqa: ANN401
    for row in of["send"]:
        own_id = UUID(str(row["own_id"]))
        if own_id not in tables.sends and "phone_number" not in row["columns"]:
            continue
        send = tables.sends.setdefault(own_id, Row(_NEW_SEND, own_id=own_id))
        send.update(row["columns"])
        send["content"] = json(send["content"])
    for row in of["suppression"]:
        if row["since"] is None:
            tables.suppressions.pop(row["number"], None)
        else:
            tables.suppressions[row["number"]] = Row(
                source=row["source"], event_id=row["event_id"], since=row["since"]
            )
    for row in of["post"]:
        tables.posts[row["conversation"], row["number"]] = Row(
            phone_number=row["phone"], payload=json(row["payload"])
        )
    for row in of["taken"]:
        tables.posts.pop((row["conversation"], row["number"]), None)


def _erase(tables: Tables, erasure: Piece, of: Any) -> None:  # noqa: ANN401
    phone, conversation = erasure["number"], erasure["conversation"]
    tables.erasures[erasure["digest"]] = erasure["at"]
    for each in [key for key, row in tables.conversations.items() if row["phone_number"] == phone]:
        del tables.conversations[each]
        for message in [key for key, row in tables.messages.items() if row["conversation_id"] == each]:
            del tables.messages[message]
    for row in tables.log_of(conversation):
        del tables.log[conversation, row["number"]]
        del tables.sequences[row["partition"], row["sequence"]]
    for send in tables.sends_of(phone):
        del tables.sends[send["own_id"]]
    for old in [key for key in tables.old_log if key[0] == conversation]:
        del tables.old_log[old]
    for own_id in [each for each, row in tables.old_sends.items() if row["phone_number"] == phone]:
        del tables.old_sends[own_id]
    told = {(row["kind"], row["event_id"]) for row in of["outcome"]}
    for key, row in tables.seen.items():
        if row["phone_number"] == phone and phone and key not in told:
            row["phone_number"], row["outcome"] = "", None
    for post in [key for key, row in tables.posts.items() if row["phone_number"] == phone]:
        del tables.posts[post]
    until = erasure["spooled_until"]
    for place, row in list(tables.spool.items()):
        if row["key"] == phone and (until is None or place <= until):
            del tables.spool[place]
