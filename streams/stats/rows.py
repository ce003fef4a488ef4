"""Conversations as Postgres has them: what records are made of again."""

from collections.abc import Sequence

import asyncpg

from db.pool import POSTGRES_ERRORS, Pool
from db.queries import load
from schemas.errors import Unavailable

_sql = load("stats")
# Keys are tiny; a page of them takes milliseconds.
_KEYS_PER_PAGE = 5000


class Rows:
    """Every method raises `Unavailable` when Postgres does not answer."""

    def __init__(self, pool: Pool, closed_kept_days: int) -> None:
        self._pool = pool
        self._closed_kept_days = closed_kept_days

    async def keys(self, after: int) -> list[asyncpg.Record]:
        """Give a page of (id, phone_number, event_number) of the conversations whose records are kept."""
        return await self._fetch(_sql.told, after, _KEYS_PER_PAGE, self._closed_kept_days)

    async def ids(self, numbers: Sequence[str]) -> dict[str, int]:
        """Give the ids of those of the numbers that have a conversation."""
        return {row["phone_number"]: row["id"] for row in await self._fetch(_sql.ids_of, numbers)}

    async def records(self, ids: Sequence[int]) -> list[asyncpg.Record]:
        """Give what `derived` needs."""
        return await self._fetch(_sql.records, ids)

    async def _fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            rows: list[asyncpg.Record] = await self._pool.fetch(sql, *arguments)
        except POSTGRES_ERRORS as error:
            raise Unavailable("Postgres does not answer") from error
        return rows
