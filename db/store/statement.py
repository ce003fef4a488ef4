"""The statement that writes a group, put together from the pieces of `sql/store_append.sql` that have rows.

On a quiet system, what a statement costs is mostly its setup, piece by piece. The groups of a running service
have some dozen shapes, which each connection prepares once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from db.queries import load
from db.store.personal_data import ERASED

_sql = load("store_append")
_ARGUMENT = re.compile(r"(?<!:):([a-z_]+)")

# What writes a table's rows, in order.
_PIECES = {
    "log": ("logged",),
    "seen": ("seen",),
    "outcome": ("outcomes",),
    "notify": ("notified",),
    "row": ("conversations", "changed_conversations", "made_conversations"),
    "message": ("messages",),
    "times": ("times",),
    "gone": ("removed_messages",),
    "send": ("sends", "changed_sends", "made_sends"),
    "suppression": ("suppressions", "suppressed", "unsuppressed"),
    "post": ("posts",),
    "taken": ("taken_posts",),
    "remove": ("remembered_removals",),
    "erasure": ("erasures", "erased_numbers", *(piece for pieces in ERASED.values() for piece in pieces)),
}
_ACTORS = {"advance": ("advanced",), "open": ("opened",), "remove": ("removed", "absent")}
_WRITTEN = {"advance": "written_advanced", "open": "written_opened", "remove": "written_removed"}


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL that returns the places of the writes that happened, and the names of its arguments, in order."""

    text: str
    arguments: tuple[str, ...]


@cache
def statement(tables: frozenset[str]) -> Statement:
    """Return the statement for a group that has rows of these tables."""
    pieces = [*_actors(tables), _written(tables), *_rows(tables)]
    last = _sql.places_and_notified if "notify" in tables else _sql.places
    return _numbered("\n".join([_head(tables), *pieces, last]))


def _head(tables: frozenset[str]) -> str:
    refusals = [_sql.refuse_seen] if "seen" in tables else []
    refusals += [_sql.refuse_foreign_rows] if "open" in tables else []
    return "\n".join([_sql.writes, *refusals, ")"])


def _actors(tables: frozenset[str]) -> Iterator[str]:
    for what, names in _ACTORS.items():
        if what in tables:
            yield from map(_part, names)


def _written(tables: frozenset[str]) -> str:
    written = [getattr(_sql, name) for what, name in _WRITTEN.items() if what in tables]
    return f", written AS MATERIALIZED ({' UNION ALL '.join(written)})"


def _rows(tables: frozenset[str]) -> Iterator[str]:
    for table, names in _PIECES.items():
        if table in tables:
            yield from map(_part, names)


def _part(name: str) -> str:
    return f", {name} AS ({getattr(_sql, name)})"


def _numbered(text: str) -> Statement:
    """Turn `:name` into `$1`, as Postgres has it."""
    names = tuple(dict.fromkeys(_ARGUMENT.findall(text)))
    numbers = {name: f"${place}" for place, name in enumerate(names, start=1)}
    return Statement(_ARGUMENT.sub(lambda found: numbers[found[1]], text), names)
