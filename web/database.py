"""Postgres as the gateway uses it: every statement has a bound, every failure is one error."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from clients.bounds import within
from db.failures import is_postgres_refusal
from db.pool import POSTGRES_ERRORS, Pool, is_writable
from db.queries import Query
from schemas.errors import InvalidInput, Unavailable

log = structlog.get_logger()
T = TypeVar("T")
R = TypeVar("R")

# An index look-up on the way to storing an event; all bounds on that way add up to under the backend's 10 s.
QUICK_SECONDS = 1.5
# The longest that a reader waits; figures over a big day's tables take some 100 ms.
_READ_SECONDS = 5.0


class Database:
    """Reads and writes single statements.

    Every method raises:
        Unavailable: Postgres does not answer in time, or refuses.

    `row`, `rows` and `value`, whose arguments people chose, also raise:
        InvalidInput: an argument is something that its column cannot hold.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def row(self, query: Query[R], *arguments: object) -> R | None:
        """Read one row of what a person asked for."""
        return await self._asked(query.one(self.pool, *arguments))

    async def rows(self, query: Query[R], *arguments: object) -> list[R]:
        """Read a page of what a person asked for."""
        return await self._asked(query.all(self.pool, *arguments))

    async def value(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401 - any column
        """Read one value of what a person asked for."""
        return await self._asked(self.pool.fetchval(sql, *arguments))

    async def quick_rows(self, query: Query[R], *arguments: object) -> list[R]:
        """Look something up on the way to storing an event."""
        return await self.bounded_rows(QUICK_SECONDS, query, *arguments)

    async def quick_value(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401 - any column
        """Look one value up on the way to storing an event."""
        return await self.bounded(self.pool.fetchval(sql, *arguments), QUICK_SECONDS)

    async def is_writable(self) -> bool:
        """Return whether it accepts writes; see `db.pool.is_writable`."""
        return await self.bounded(is_writable(self.pool), QUICK_SECONDS)

    async def bounded_rows(self, seconds: float, query: Query[R], *arguments: object) -> list[R]:
        """Read rows within a bound."""
        return await self.bounded(query.all(self.pool, *arguments), seconds)

    async def _asked(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await self.bounded(work, _READ_SECONDS)
        except Unavailable as error:
            if is_postgres_refusal(error.__cause__):
                raise InvalidInput("request", "asks for what no column can hold") from error
            raise

    async def bounded(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run work on the pool within a bound."""
        try:
            return await within(seconds, work)
        except POSTGRES_ERRORS as error:
            if isinstance(
                error, TimeoutError
            ):  # perhaps its machine is gone, and nobody closes the connections to it
                await self.pool.expire_connections()
            log.warning("Postgres does not answer, or refuses", why=type(error).__name__)
            raise Unavailable("Postgres does not answer") from error
