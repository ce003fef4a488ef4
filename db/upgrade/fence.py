"""Stops the former build: nobody owns a partition or can claim one any more; waits for what is under way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import asyncpg
import structlog

from db.queries import load

log = structlog.get_logger()
_sql = load("upgrade")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Sleep = Callable[[float], Awaitable[None]]

# An owner of the former build sends on a proof at most 2 s old, its request to Twilio ends after 20 s, and
# the outcome is recorded at once, without the epoch.
_LONGEST_SEND_SECONDS = 2.0 + 20.0 + 3.0


async def fence(connection: Connection, sleep: Sleep = asyncio.sleep) -> None:
    """Return once no former process can change anything, or learn of a send what nobody else knows."""
    if not await connection.fetchval(_sql.claims_are_refused):
        async with connection.transaction():
            owners = await connection.fetch(_sql.fence)
            await connection.execute(_sql.refuse_claims)
        if owners:
            log.info("workers of the former build are fenced")
    while (seconds := await _under_way(connection)) > 0.0:
        log.info("waiting for sends of the former build", seconds=round(seconds))
        await sleep(seconds)


async def _under_way(connection: Connection) -> float:
    youngest: float | None = await connection.fetchval(_sql.youngest_send_seconds)
    return 0.0 if youngest is None else max(0.0, _LONGEST_SEND_SECONDS - youngest)
