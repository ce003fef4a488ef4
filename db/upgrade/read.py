"""Reads what the former build has on numbers, many at once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

import asyncpg

from db.queries import load
from db.store.rows import columns
from schemas.former import (
    FormerConversation,
    FormerInput,
    FormerPost,
    FormerReplay,
    FormerRow,
    FormerSend,
    FormerSuppression,
    FormerTurn,
)

_sql = load("upgrade")
T = TypeVar("T")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Row = dict[str, Any]
Groups = defaultdict[Any, list[Row]]


async def read(connection: Connection, numbers: Sequence[str]) -> list[FormerConversation]:
    """Return the conversations of these numbers, in their order."""
    found = _Rows(connection, list(numbers))
    await found.load()
    return [found.conversation(number) for number in numbers]


class _Rows:
    """The rows of some numbers, by number; those of turns, by turn."""

    def __init__(self, connection: Connection, numbers: list[str]) -> None:
        self._connection = connection
        self._numbers = numbers
        self._of: dict[str, Groups] = {}
        self._turns: dict[int, FormerTurn] = {}

    async def load(self) -> None:
        names = ("rows", "turns", "posts", "lookups", "reports", "replays", "commands")
        for name in (*names, "newest_commands", "suppressions"):
            self._of[name] = _by("phone_number", await self._rows(getattr(_sql, name), self._numbers))
        replayed = [row["turn_id"] for rows in self._of["replays"].values() for row in rows]
        turns = [row for rows in self._of["turns"].values() for row in rows]
        turns += await self._rows(_sql.turns_of_replays, replayed)
        ids = list({row["id"] for row in turns})
        inputs = await self._rows(_sql.inputs, ids, self._numbers)
        sends = _by("turn_id", await self._rows(_sql.sends, ids))
        of_turns = _by("turn_id", inputs)
        self._of["parked"] = _by("phone_number", of_turns[None])
        self._turns = {row["id"]: _turn(row, of_turns[row["id"]], sends[row["id"]]) for row in turns}

    async def _rows(self, sql: str, *arguments: object) -> list[Row]:
        return [columns(row) for row in await self._connection.fetch(sql, *arguments)]

    def conversation(self, number: str) -> FormerConversation:
        of = {name: groups[number] for name, groups in self._of.items()}
        lookup, newest = _first(of["lookups"]), _first(of["newest_commands"])
        row, suppression = _first(of["rows"]), _first(of["suppressions"])
        commands = sorted((each["position"], each["by"]) for each in of["commands"])
        return FormerConversation(
            key=number,
            row=_made(FormerRow, row) if row else None,
            suppression=_made(FormerSuppression, suppression) if suppression else None,
            turns=tuple(self._turns[each["id"]] for each in of["turns"]),
            parked=tuple(_made(FormerInput, each) for each in of["parked"]),
            posts=tuple(_made(FormerPost, each) for each in of["posts"]),
            reports=tuple(each["report"] for each in of["reports"]),
            replays=tuple(self._replay(each) for each in of["replays"]),
            lookup=(lookup["tries"], lookup["due_at"]) if lookup else None,
            newest_command=newest["position"] if newest else 0,
            commands=tuple(commands),
        )

    def _replay(self, row: Row) -> FormerReplay:
        turn = self._turns[row["turn_id"]]
        event = next(each for each in turn.inputs if each.event_id == row["event_id"])
        return FormerReplay(replay=row["replay"], event=event, turn=turn)


def _turn(row: Row, inputs: Iterable[Row], sends: Iterable[Row]) -> FormerTurn:
    members = tuple(_made(FormerInput, each) for each in inputs)
    messages = tuple(_made(FormerSend, each) for each in sends)
    return _made(FormerTurn, row | {"inputs": members, "sends": messages})


def _made(kind: type[T], row: Row) -> T:
    """Make a value from the columns that it knows."""
    return kind(
        **{
            field.name: row[field.name]
            for field in fields(kind)  # type: ignore[arg-type]
            if field.name in row
        }
    )


def _first(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows else None


def _by(name: str, rows: Iterable[Row]) -> Groups:
    groups: Groups = defaultdict(list)
    for row in rows:
        groups[row[name]].append(row)
    return groups
