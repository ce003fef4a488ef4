"""`GET /api/stats`: from the stats worker's views, or from Postgres while none answers."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from clients.views import StatsView
from db.readers.gateway import CAMPAIGN, DAY
from schemas.documents import now
from schemas.settings import Settings
from schemas.stats_query import StatsQuery
from web.conversations import Rows

_COUNTS = (
    "active_conversations",
    "total_conversations_today",
    "messages_sent_today",
    "messages_received_today",
)
_RATES = ("response_rate", "avg_response_time_seconds")
_QUEUE = ("waiting", "active", "completed", "failed")


class Stats:
    """Reads the figures. `now`: the time, aware."""

    def __init__(
        self, settings: Settings, database: Rows, view: StatsView, now: Callable[[], datetime] = now
    ) -> None:
        self._view = view
        self._now = now
        self._zone = settings.stats_timezone
        self._days_kept = timedelta(days=settings.stats_days_kept)
        self._database = database
        self._campaigns = CampaignDays(settings, database)

    async def get(self, request: web.Request) -> web.Response:
        """Answer with the contract's figures; `source` says where they come from.

        `?day=` asks for another day, `?batch_id=` and `?group_id=` add a campaign's figures by day.
        """
        query = StatsQuery.from_query(request.query)
        found = _checked(await self._view.get(request.query)) if self._has(query.day) else None
        answered = await self._from_postgres(query) if found is None else found
        return web.json_response(
            {"success": True, **answered, "source": "postgres" if found is None else "tables"}
        )

    def _has(self, day: date | None) -> bool:
        """Return whether the tables have a day: of an older one they would say zero."""
        return day is None or day > self._now().astimezone(ZoneInfo(self._zone)).date() - self._days_kept

    async def _from_postgres(self, query: StatsQuery) -> dict[str, Any]:
        stats = await self._figures(query)
        if not query.campaign:
            return {"stats": stats}
        return {
            "stats": stats,
            "campaign": {**query.campaign, "days": await self._campaigns.days(query.campaign)},
        }

    async def _figures(self, query: StatsQuery) -> dict[str, Any]:
        row = await self._database.row(DAY, self._zone, query.day)
        assert row is not None, "an aggregate has a row"
        today = row.total_conversations_today
        quantiles = row.response_quantiles or (0, 0, 0)
        return {name: getattr(row, name) for name in _COUNTS} | {
            "response_rate": round(100 * row.answered_today / today, 1) if today else 0,
            "avg_response_time_seconds": round(float(row.avg_response_time_seconds), 3),
            "response_time_seconds": dict(
                zip(("p50", "p95", "p99"), (round(float(q), 3) for q in quantiles), strict=True)
            ),
            "queue": {name: getattr(row, name) for name in _QUEUE},
        }


def _checked(answer: object) -> dict[str, Any] | None:
    """Return the answer if it has all the contract's figures: something else may listen on that port."""
    if not isinstance(answer, dict):
        return None
    stats = answer.get("stats")
    if not isinstance(stats, dict) or not isinstance(stats.get("queue"), dict):
        return None
    complete = stats.keys() >= {*_COUNTS, *_RATES} and stats["queue"].keys() >= set(_QUEUE)
    if not complete:
        return None
    return {"stats": stats} | ({"campaign": answer["campaign"]} if "campaign" in answer else {})


STAGES = ("started", "delivered", "read", "answered", "escalated", "stopped", "failed")


class CampaignDays:
    """Counts over the same days and conversations as the tables keep, so that both say the same."""

    def __init__(self, settings: Settings, database: Rows) -> None:
        self._zone = settings.stats_timezone
        self._kept = settings.stats_days_kept, settings.stats_closed_kept_days
        self._database = database

    async def days(self, campaign: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Return `STAGES` and `reasons` by day, oldest first. `campaign`: `batch_id`, `group_id` or both.

        Raises:
            Unavailable: Postgres does not answer.
        """
        wanted = campaign.get("batch_id"), campaign.get("group_id")
        rows = await self._database.rows(CAMPAIGN, self._zone, *wanted, *self._kept)
        return {row.day: {name: getattr(row, name) for name in (*STAGES, "reasons")} for row in rows}
