"""A campaign's figures by day, counted in Postgres: what the statistics' tables tell while a stats worker answers."""

from collections.abc import Mapping
from typing import Any

from db.readers.figures import CAMPAIGN
from schemas.settings import Settings
from web.conversations import Rows

STAGES = ("started", "delivered", "read", "answered", "escalated", "stopped", "failed")


class CampaignDays:
    """Counts over the days and conversations that the tables keep, so that both say the same."""

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
