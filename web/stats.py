"""`GET /api/stats`: from the stats worker's views, from Postgres while none answers."""

from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web

from db.queries import load
from schemas.settings import Settings
from schemas.stats_query import StatsQuery
from web.auth import TOKEN_HEADER
from web.campaign_days import CampaignDays
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
        self._campaigns = CampaignDays(settings, database)
        self._session = session

    async def get(self, request: web.Request) -> web.Response:
        """Answer with the contract's figures; `source` says where they come from.

        `?day=` asks for another day, `?batch_id=` and `?group_id=` add a campaign's figures by day.
        """
        query = StatsQuery.from_query(request.query)
        found = await self._from_views(request.query)
        answered = await self._from_postgres(query) if found is None else found
        return web.json_response({"success": True, **answered, "source": "postgres" if found is None else "tables"})

    async def _from_views(self, query: Mapping[str, str]) -> dict[str, Any] | None:
        asked = self._session.get(self._url, params=query, headers=self._headers, timeout=_VIEW_TIMEOUT)
        try:
            async with asked as response:
                return _checked(await response.json()) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None  # no stats worker, or one that recovers: the normal case for the other source

    async def _from_postgres(self, query: StatsQuery) -> dict[str, Any]:
        stats = await self._figures(query)
        if not query.campaign:
            return {"stats": stats}
        return {"stats": stats, "campaign": {**query.campaign, "days": await self._campaigns.days(query.campaign)}}

    async def _figures(self, query: StatsQuery) -> dict[str, Any]:
        row = await self._database.row(_sql.stats, self._zone, query.day)
        assert row is not None, "an aggregate has a row"
        today = row["total_conversations_today"]
        quantiles = row["response_quantiles"] or (0, 0, 0)
        return {name: row[name] for name in _COUNTS} | {
            "response_rate": round(100 * row["answered_today"] / today, 1) if today else 0,
            "avg_response_time_seconds": round(float(row["avg_response_time_seconds"]), 3),
            "response_time_seconds": dict(zip(("p50", "p95", "p99"), (round(float(q), 3) for q in quantiles), strict=True)),
            "queue": {name: row[name] for name in _QUEUE},
        }


def _checked(answer: object) -> dict[str, Any] | None:
    """Give the answer if all of the contract's figures are there: something else may listen on that port."""
    if not isinstance(answer, dict):
        return None
    stats = answer.get("stats")
    if not isinstance(stats, dict) or not isinstance(stats.get("queue"), dict):
        return None
    complete = stats.keys() >= {*_COUNTS, *_RATES} and stats["queue"].keys() >= set(_QUEUE)
    if not complete:
        return None
    return {"stats": stats} | ({"campaign": answer["campaign"]} if "campaign" in answer else {})
