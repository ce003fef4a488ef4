"""`GET /api/stats`: from the stats worker's views, from Postgres while none answers."""

from typing import Any

import aiohttp
import structlog
from aiohttp import web

from db.pool import Pool
from db.queries import load
from schemas.settings import Settings

log = structlog.get_logger()
_sql = load("gateway")
# The page that shows it refreshes every few seconds; Postgres answers in the rest of the first one.
_VIEW_TIMEOUT = aiohttp.ClientTimeout(total=1.0)


class Stats:
    """Reads the figures."""

    def __init__(self, settings: Settings, pool: Pool, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._pool = pool
        self._session = session

    async def get(self, request: web.Request) -> web.Response:
        """Answer with the contract's figures; `source` says where they come from."""
        figures = await self._from_views()
        source = "tables" if figures else "postgres"
        stats = figures or await self._from_postgres()
        return web.json_response({"success": True, "stats": stats, "source": source})

    async def _from_views(self) -> dict[str, Any] | None:
        url = f"{self._settings.stats_url.rstrip('/')}/stats"
        try:
            async with self._session.get(url, timeout=_VIEW_TIMEOUT) as response:
                if response.status != 200:
                    return None
                stats: dict[str, Any] = (await response.json())["stats"]
                return stats
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
            return None

    async def _from_postgres(self) -> dict[str, Any]:
        row = await self._pool.fetchrow(_sql.stats, self._settings.stats_timezone)
        assert row is not None, "an aggregate has a row"
        today = row["total_conversations_today"]
        return {
            "active_conversations": row["active_conversations"],
            "total_conversations_today": today,
            "messages_sent_today": row["messages_sent_today"],
            "messages_received_today": row["messages_received_today"],
            "response_rate": round(100 * row["answered_today"] / today, 1) if today else 0,
            "avg_response_time_seconds": round(float(row["avg_response_time_seconds"]), 3),
            "queue": {name: row[name] for name in ("waiting", "active", "completed", "failed")},
        }
