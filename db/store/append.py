"""Writes conversations in groups: one statement, one commit, all or nothing for each of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from db.pool import Pool
from db.store.arguments import Arguments
from db.store.erasures import erasure_key
from db.store.merge import Merged, merge
from db.store.refusals import explain
from db.store.retry import retry
from db.store.statement import statement
from db.store.write import Failed, Result, Write, Written

# Somebody wrote between the statement's snapshot and its write; the next look sees what is there now. More
# than two of them in a row are no accident: the data itself is refused.
_LOOKS = 3
_CAME_BETWEEN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.UniqueViolationError)
# Classes 22, 23 and 54 of SQLSTATE; ValueError: what asyncpg cannot encode.
_DATA = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A write of a group. `place`: its position in the request."""

    place: int
    write: Write
    merged: Merged


async def append(pool: Pool, writes: Sequence[Write]) -> list[Result]:
    """Write each conversation or nothing of it, and wait while Postgres is away.

    Results are in the writes' order.

    Raises:
        ValueError: two writes are of one conversation.
        asyncpg.PostgresError: the statement is refused (no such table, no privilege); nothing was written.
    """
    if len({write.phone_number for write in writes}) < len(writes):
        raise ValueError("a group has one write of a conversation at most")
    results: dict[int, Result] = {}
    entries: list[_Entry] = []
    for place, write in enumerate(writes):
        try:
            entries.append(_Entry(place, write, merge(write.changes)))
        except ValueError as error:
            results[place] = _failed(error)
    if entries:
        results |= await _append(pool, sorted(entries, key=lambda entry: entry.write.phone_number))
    return [results[place] for place in range(len(writes))]


async def _append(pool: Pool, entries: Sequence[_Entry]) -> dict[int, Result]:
    """Write a group; halve one whose data is refused, so that only the write at fault fails."""
    try:
        places = await _look(pool, entries)
    except _DATA as error:
        if len(entries) == 1:
            return {entries[0].place: _failed(error)}
        middle = len(entries) // 2
        return await _append(pool, entries[:middle]) | await _append(pool, entries[middle:])
    results: dict[int, Result] = {
        entry.place: Written(version=_version(entry.write)) for entry in entries if entry.place in places
    }
    if refused := {entry.place: entry.write for entry in entries if entry.place not in places}:
        results |= await explain(pool, refused)
    return results


async def _look(pool: Pool, entries: Sequence[_Entry]) -> set[int]:
    """Run the statement; return the places of what it wrote."""
    for _ in range(_LOOKS - 1):
        try:
            return await _execute(pool, entries)
        except _CAME_BETWEEN:
            continue
    return await _execute(pool, entries)


async def _execute(pool: Pool, entries: Sequence[_Entry]) -> set[int]:
    erases = any(entry.merged.erasure is not None for entry in entries)
    arguments = Arguments(await erasure_key(pool) if erases else b"")
    for entry in entries:
        arguments.add(entry.place, entry.write, entry.merged)
    wanted = statement(frozenset(arguments.tables))
    values = arguments.values(wanted.arguments)
    rows = await retry(pool, lambda: pool.fetch(wanted.text, *values))
    return {row["place"] for row in rows}


def _version(write: Write) -> int:
    return 0 if write.state is None else write.version + 1


def _failed(error: Exception) -> Failed:
    """Return the failure without Postgres' details, which quote values."""
    if not isinstance(error, asyncpg.PostgresError):
        return Failed(why=str(error))
    return Failed(why=error.args[0], sqlstate=error.sqlstate, constraint=error.constraint_name)
