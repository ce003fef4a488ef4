"""Named SQL: in `sql/FILE.sql`, `-- name: some_query` starts a query, whose text ends at the next name.

`Query` knows the value that each row is read as: no raw record goes beyond this package's callers.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

import asyncpg

from db.pool import Connection, Pool, Session

_FOLDER = Path(__file__).parent / "sql"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
R_co = TypeVar("R_co", covariant=True)


class Queries:
    """The queries of one file, as attributes."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts

    def __getattr__(self, name: str) -> str:
        try:
            return self._texts[name]
        except KeyError:
            raise AttributeError(f"no query named {name}") from None

    def names(self) -> list[str]:
        return sorted(self._texts)


@cache
def load(name: str) -> Queries:
    """Load `sql/NAME.sql`."""
    _, *pieces = _NAME.split((_FOLDER / f"{name}.sql").read_text())
    return Queries(dict(zip(pieces[::2], map(str.strip, pieces[1::2]), strict=True)))


@dataclass(frozen=True, slots=True)
class Query(Generic[R_co]):
    """A query. `row` is called with a row's columns by their names."""

    sql: str
    row: Callable[..., R_co]

    def read(self, record: asyncpg.Record) -> R_co:
        """Return a row's value."""
        return self.row(**record)

    async def one(self, pool: "Pool | Connection | Session", *arguments: object) -> R_co | None:
        """Return the first row, or None if there is none."""
        record = await pool.fetchrow(self.sql, *arguments)
        return None if record is None else self.read(record)

    async def aggregate(self, pool: "Pool | Connection | Session", *arguments: object) -> R_co:
        """Return the row of a query that always has one."""
        record = await pool.fetchrow(self.sql, *arguments)
        assert record is not None, "an aggregate has a row"
        return self.read(record)

    async def all(self, pool: "Pool | Connection | Session", *arguments: object) -> list[R_co]:
        """Return all rows."""
        return [self.read(record) for record in await pool.fetch(self.sql, *arguments)]
