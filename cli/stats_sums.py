"""Compares the figures that the tables sum up with those counted in Postgres."""

import asyncio
from typing import Any

from clients.views import StatsClient
from db.pool import Pool
from db.queries import load
from db.readers.gateway import DAY
from schemas.settings import Settings
from streams.stats.check import Difference

_sql = load("gateway")
_COUNTS = (
    "active_conversations",
    "total_conversations_today",
    "messages_sent_today",
    "messages_received_today",
)
# The tables' answer may be 2 s old.
_LOOK_AGAIN_SECONDS = 1.0
_LEAST_SECONDS = 3.0


async def sums_differ(
    settings: Settings, client: StatsClient, pool: Pool, patience: float
) -> list[Difference]:
    """Return the figures that still differ after some time: the views' answer may be a moment old.

    Raises:
        Unavailable: no stats worker answers.
    """
    ends = asyncio.get_running_loop().time() + max(_LEAST_SECONDS, patience)
    if await pool.fetchval(_sql.untold):
        return []  # rows that were there before the service are counted in Postgres alone
    while True:
        differences = _differences((await client.figures())["stats"], await _counted(settings, pool))
        if not differences or asyncio.get_running_loop().time() >= ends:
            return differences
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _counted(settings: Settings, pool: Pool) -> dict[str, Any]:
    day = await DAY.aggregate(pool, settings.stats_timezone, None)
    today = day.total_conversations_today
    return {name: getattr(day, name) for name in _COUNTS} | {
        "response_rate": round(100 * day.answered_today / today, 1) if today else 0,
        "avg_response_time_seconds": round(float(day.avg_response_time_seconds), 3),
    }


def _differences(tables: dict[str, Any], postgres: dict[str, Any]) -> list[Difference]:
    return [
        Difference("all", name, tables[name], value)
        for name, value in postgres.items()
        if tables[name] != value
    ]
