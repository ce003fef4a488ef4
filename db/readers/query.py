"""A query of `db/sql` with the value that each of its rows is read as: no record leaves this package's callers unread."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import asyncpg

from db.pool import Connection, Pool, Session

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Query(Generic[R_co]):
    """`row` is called with a row's columns by their names."""

    sql: str
    row: Callable[..., R_co]

    def read(self, record: asyncpg.Record) -> R_co:
        """Return a row's value."""
        return self.row(**record)

    async def one(self, pool: "Pool | Connection | Session", *arguments: object) -> R_co | None:
        """Return the first row, None: there is none."""
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
