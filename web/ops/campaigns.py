"""Campaigns: how far their clients came, in total and by day, as tables, charts and a file."""

import csv
import io
from datetime import date
from typing import Any

import pygal
from aiohttp import web
from babel.dates import format_skeleton

from clients.views import StatsView
from db.queries import load
from db.readers.ops import CAMPAIGNS
from schemas.settings import Settings
from web.database import Database
from web.ops.charts import bars, picture
from web.ops.language import language_of, translations
from web.ops.pages import Page, page
from web.stats import STAGES, CampaignDays

_sql = load("ops")
_LIST = Page("campaigns.html", "Campaigns", "campaigns")
_ONE = Page("campaign.html", "Campaign", "campaigns")
_MOST = 200
# More bars than that, seven a day, cannot be told apart; nor can more dates below them.
_FEW_DAYS = 7
# From grey through blue to green as clients come further; other outcomes in their own colours, failures red.
_COLORS = ("#6b7280", "#6fb3d9", "#0566b5", "#0e8f6d", "#b7791f", "#7e57c2", "#c0392b")


class Campaigns:
    """Shows the list, and each campaign's funnel as the stats worker counts it."""

    def __init__(self, settings: Settings, database: Database, view: StatsView) -> None:
        self._view = view
        self._database = database
        self._counted = CampaignDays(settings, database)

    async def list(self, request: web.Request) -> web.Response:
        """Show the newest campaigns."""
        return page(request, _LIST, {"rows": await self._database.rows(CAMPAIGNS, _MOST)})

    async def get(self, request: web.Request) -> web.Response:
        """Show one campaign, day by day."""
        batch = request.match_info["batch"]
        days = await self._days(batch)
        name = await self._database.value(_sql.campaign_name, batch)
        total = {stage: sum(day[stage] for day in days.values()) for stage in STAGES}
        context = {
            "batch": batch,
            "name": name,
            "days": days,
            "stages": STAGES,
            "total": total,
            "reasons": _reasons(days),
        }
        # The charts are redrawn when there is something new to draw.
        context["drawn_at"] = "-".join(str(total[stage]) for stage in STAGES)
        return page(request, _ONE, context)

    async def csv(self, request: web.Request) -> web.Response:
        """Return a campaign as a file, one row per day."""
        batch = request.match_info["batch"]
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["day", *STAGES])
        rows.writerows(
            [day, *(counts[stage] for stage in STAGES)] for day, counts in (await self._days(batch)).items()
        )
        headers = {"Content-Disposition": 'attachment; filename="campaign.csv"'}
        return web.Response(text=text.getvalue(), content_type="text/csv", headers=headers)

    async def chart(self, request: web.Request) -> web.Response:
        """Draw the funnel, the first stage at the top."""
        days = await self._days(request.match_info["batch"])
        _ = translations(language_of(request)).gettext
        total = [sum(day[stage] for day in days.values()) for stage in reversed(STAGES)]
        chart = bars(pygal.HorizontalBar, max(total), height=320, show_legend=False, print_values=True)
        chart.x_labels = [_(stage) for stage in reversed(STAGES)]
        chart.add("", total)
        return picture(chart.render())

    async def by_day(self, request: web.Request) -> web.Response:
        """Draw the stages over time: bars while the days are few, then lines."""
        days, language = await self._days(request.match_info["batch"]), language_of(request)
        most = max((day[stage] for day in days.values() for stage in STAGES), default=0)
        kind = pygal.Bar if len(days) <= _FEW_DAYS else pygal.Line
        chart = bars(kind, most, height=320, colors=_COLORS, legend_at_bottom=False)
        chart.x_labels = [format_skeleton("MMMd", date.fromisoformat(day), locale=language) for day in days]
        chart.x_labels_major_every, chart.show_minor_x_labels = -(-len(days) // _FEW_DAYS) or 1, False
        for stage in STAGES:
            chart.add(translations(language).gettext(stage), [day[stage] for day in days.values()])
        return picture(chart.render())

    async def _days(self, batch: str) -> dict[str, dict[str, Any]]:
        body = await self._view.get({"batch_id": batch})  # None: Postgres counts
        campaign = (body or {}).get("campaign")
        days = campaign.get("days") if isinstance(campaign, dict) else None
        return days if isinstance(days, dict) else await self._counted.days({"batch_id": batch})


def _reasons(days: dict[str, dict[str, Any]]) -> list[tuple[str, int]]:
    """Return why messages failed, the most frequent first."""
    counts: dict[str, int] = {}
    for day in days.values():
        for reason, count in day.get("reasons", {}).items():
            counts[reason] = counts.get(reason, 0) + count
    return sorted(counts.items(), key=lambda each: -each[1])
