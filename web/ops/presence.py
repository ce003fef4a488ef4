"""Who has which conversation open. Web processes tell each other by a table; what is not repeated fades."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from db.queries import load
from db.readers.ops import PRESENT
from schemas.errors import Unavailable
from web.database import Database

_sql = load("ops")

# Repeated this often; it holds three times as long (`db/sql/ops.sql`), so that one slow look hides nobody.
_TELL_SECONDS = 10.0


class Presence:
    """The open pages of this process, and those of all processes together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: Counter[tuple[str, str]] = Counter()
        self._changed = asyncio.Event()

    @contextmanager
    def of(self, number: str, operator: str) -> Iterator[None]:
        """Count an operator as present while a page is open."""
        self._open[number, operator] += 1
        self._changed.set()
        try:
            yield
        finally:
            self._open[number, operator] -= 1
            if not self._open[number, operator]:
                del self._open[number, operator]
            self._changed.set()

    async def others(self, number: str, operator: str) -> list[str]:
        """Return who else has a conversation open."""
        there = await self._database.rows(PRESENT, number)
        return [each for each in there if each != operator]

    async def keep(self) -> None:
        """Announce who is there, at once when that changes, until cancelled."""
        told: set[tuple[str, str]] = set()
        while True:
            self._changed.clear()
            there = set(self._open)
            try:
                await self._tell(there, told - there)
            except Unavailable:
                pass  # logged where it happened; told again in a moment
            else:
                told = there
            try:
                async with asyncio.timeout(_TELL_SECONDS if told or there else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _tell(self, there: set[tuple[str, str]], gone: set[tuple[str, str]]) -> None:
        if gone:
            await self._database.quick_value(_sql.presence_ends, *_columns(gone))
        if there:
            await self._database.quick_value(_sql.presence, *_columns(there))


def _columns(pairs: set[tuple[str, str]]) -> tuple[list[str], list[str]]:
    ordered = sorted(pairs)  # in one order, so that processes do not deadlock on each other's rows
    return [number for number, _ in ordered], [operator for _, operator in ordered]
