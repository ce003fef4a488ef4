"""Moves all rows of the former build in one transaction; only what the contract names is left of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

import asyncpg
import structlog

from db.queries import load
from db.store.ids import id_blocks
from db.upgrade.read import read
from db.upgrade.values import Place, Upgrade
from db.upgrade.write import Writer
from schemas.errors import ServiceError

log = structlog.get_logger()
_sql = load("upgrade")
_DROPS = Path(__file__).parent.parent / "migrations" / "sql" / "0024_former_tables.sql"

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# About 2 MB of rows, and a statement of some hundred milliseconds.
_AT_ONCE = 500
_IDS_AT_ONCE = 100
_MOVES = (
    *("bury_failed_turns", "resolve_letters"),
    *("move_owners", "move_sends", "move_seen", "keep_files"),
    *("move_history", "publish_from_here", "move_outbox", "forget_erased_logs", "next_turn"),
)


async def move(connection: Connection, upgrade: Upgrade | None) -> None:
    """Move everything, inside the caller's transaction.

    Raises:
        ServiceError: a conversation cannot be written, or nobody says what becomes of it; keep nothing then.
    """
    await connection.execute(_sql.lock)
    await connection.execute(_sql.lock_what_stays)
    if upgrade is not None:
        await _move(connection, upgrade)
    elif await connection.fetchval(_sql.has_numbers):
        raise ServiceError(
            "this database has conversations of a former build; run `whatsapp-microservice migrate`"
        )
    await _drop(connection)


async def _move(connection: Connection, upgrade: Upgrade) -> None:
    await _place(connection, upgrade.place)
    for name in _MOVES:
        await connection.execute(getattr(_sql, name))
    writer, count = await _writer(connection, upgrade), 0
    async for numbers in _numbers(connection):
        await writer.write(await read(connection, numbers))
        count += len(numbers)
    if count:
        log.info("conversations of the former build are moved", conversations=count)


async def _place(connection: Connection, place: Place) -> None:
    """Record each number's partition. Without an owner there was no worker yet, and nothing to place."""
    partitions: int = await connection.fetchval(_sql.partitions)
    await connection.execute(_sql.make_places)
    numbers = [row[0] for row in await connection.fetch(_sql.all_numbers)] if partitions else []
    await connection.execute(_sql.place, numbers, [place(number, partitions) for number in numbers])


async def _writer(connection: Connection, upgrade: Upgrade) -> Writer:
    epochs = {row["partition"]: row["epoch"] for row in await connection.fetch(_sql.epochs)}
    sequences = {row["partition"]: row["sequence"] for row in await connection.fetch(_sql.newest_sequences)}
    return Writer(
        connection,
        upgrade.convert,
        upgrade.place,
        ids=await id_blocks(connection, _IDS_AT_ONCE),
        now=await connection.fetchval(_sql.clock),
        epochs=epochs,
        sequences=sequences,
    )


async def _numbers(connection: Connection) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    async for row in connection.cursor(_sql.numbers, prefetch=_AT_ONCE):
        batch.append(row["phone_number"])
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


async def _drop(connection: Connection) -> None:
    if functions := [row["name"] for row in await connection.fetch(_sql.functions)]:
        await connection.execute(f"DROP FUNCTION {', '.join(functions)}")
    await connection.execute(_DROPS.read_text())
