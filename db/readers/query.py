"""A query of `db/sql` with the value that each of its rows is read as: no record leaves this package's callers unread."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import asyncpg

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Query(Generic[R_co]):
    """`row` is called with a row's columns by their names."""

    sql: str
    row: Callable[..., R_co]

    def read(self, record: asyncpg.Record) -> R_co:
        """Return a row's value."""
        return self.row(**record)
