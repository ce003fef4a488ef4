"""Postgres as the gateway uses it: every statement has a bound, every failure is one error."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
import structlog

from db.pool import POSTGRES_ERRORS, Pool
from schemas.errors import Unavailable
from web.bounds import within

log = structlog.get_logger()
T = TypeVar("T")

# A look at an index on the way to storing an event; all bounds on that way together stay under the backend's 10 s.
QUICK_SECONDS = 1.5
# Longest that a reader waits: figures over a big day's tables take some 100 ms.
_READ_SECONDS = 5.0


class Database:
    """Reads and writes single statements.

    Every method raises:
        Unavailable: Postgres does not answer in time, or refuses.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def row(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        """Read what a person asked for."""
        return await self.bounded(self.pool.fetchrow(sql, *arguments), _READ_SECONDS)

    async def rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Read a page of what a person asked for."""
        return await self.bounded(self.pool.fetch(sql, *arguments), _READ_SECONDS)

    async def value(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401 - any column
        """Read one value of what a person asked for."""
        return await self.bounded(self.pool.fetchval(sql, *arguments), _READ_SECONDS)

    async def quick_rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Look something up on the way to storing an event."""
        return await self.bounded(self.pool.fetch(sql, *arguments), QUICK_SECONDS)

    async def quick_value(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401 - any column
        """Look one value up on the way to storing an event."""
        return await self.bounded(self.pool.fetchval(sql, *arguments), QUICK_SECONDS)

    async def bounded(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Do work on the pool within a bound."""
        try:
            return await within(seconds, work)
        except POSTGRES_ERRORS as error:
            log.warning("Postgres does not answer, or refuses", why=type(error).__name__)
            raise Unavailable("Postgres does not answer") from error
