"""`GET /api/stats`: from the stats worker's views, from Postgres while none answers."""

from typing import Any

import aiohttp
from aiohttp import web

from db.queries import load
from schemas.settings import Settings
from web.auth import TOKEN_HEADER
from web.conversations import Rows

_sql = load("gateway")
# The page that shows it refreshes every few seconds; Postgres answers in the rest of the first one.
_VIEW_TIMEOUT = aiohttp.ClientTimeout(total=1.0)

_COUNTS = ("active_conversations", "total_conversations_today", "messages_sent_today", "messages_received_today")
_RATES = ("response_rate", "avg_response_time_seconds")
_QUEUE = ("waiting", "active", "completed", "failed")


class Stats:
    """Reads the figures."""

    def __init__(self, settings: Settings, database: Rows, session: aiohttp.ClientSession) -> None:
        self._url = f"{settings.stats_url.rstrip('/')}/stats"
        self._headers = {TOKEN_HEADER: settings.microservice_token} if settings.microservice_token else {}
        self._zone = settings.stats_timezone
        self._database = database
        self._session = session

    async def get(self, request: web.Request) -> web.Response:
        """Answer with the contract's figures; `source` says where they come from."""
        figures = await self._from_views()
        source = "postgres" if figures is None else "tables"
        stats = await self._from_postgres() if figures is None else figures
        return web.json_response({"success": True, "stats": stats, "source": source})

    async def _from_views(self) -> dict[str, Any] | None:
        try:
            async with self._session.get(self._url, headers=self._headers, timeout=_VIEW_TIMEOUT) as response:
                return _checked(await response.json()) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None  # no stats worker, or one that recovers: the normal case for the other source

    async def _from_postgres(self) -> dict[str, Any]:
        row = await self._database.row(_sql.stats, self._zone)
        assert row is not None, "an aggregate has a row"
        today = row["total_conversations_today"]
        return {name: row[name] for name in _COUNTS} | {
            "response_rate": round(100 * row["answered_today"] / today, 1) if today else 0,
            "avg_response_time_seconds": round(float(row["avg_response_time_seconds"]), 3),
            "queue": {name: row[name] for name in _QUEUE},
        }


def _checked(answer: object) -> dict[str, Any] | None:
    """Give the figures if all of the contract's are there: something else may listen on that port."""
    stats = answer.get("stats") if isinstance(answer, dict) else None
    if not isinstance(stats, dict) or not isinstance(stats.get("queue"), dict):
        return None
    complete = stats.keys() >= {*_COUNTS, *_RATES} and stats["queue"].keys() >= set(_QUEUE)
    return stats if complete else None
